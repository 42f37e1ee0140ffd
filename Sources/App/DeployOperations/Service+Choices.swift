package import DeployCore
import DeployPorts
package import Playbooks

/// What a person chooses for a run, read from text.
extension Service {
    package func version(_ text: String) throws(CommandFailure) -> Version {
        do throws(VersionRefused) {
            return try playbook.version(text)
        } catch {
            throw CommandFailure(.usage, error.description)
        }
    }

    /// `instant`; `ab` or `canary`, that half of the playbook's strategy alone; or rising shares, of which
    /// the last one, 100 %, may be left out.
    ///
    /// What the text does not say is as the playbook has it.
    package func strategy(_ text: String) throws(CommandFailure) -> Playbook.Strategy {
        switch text {
        case "instant": .instant
        case "ab":
            try half(text, of: playbook.strategy.hasChosenUsers ? [.zero, .full] : [], chosenUsers: true)
        case "canary": try half(text, of: playbook.strategy.shares.filter { $0 > .zero }, chosenUsers: false)
        default: try canary(text)
        }
    }

    /// The playbook's strategy with these shares alone; refused where the playbook has none of that kind.
    private func half(
        _ name: String,
        of shares: [Percent],
        chosenUsers: Bool
    ) throws(CommandFailure) -> Playbook.Strategy {
        let planned = playbook.strategy
        guard shares.count > 1 else {
            throw CommandFailure(
                .usage,
                "--strategy \(name): the playbook has no `\(name)` under `strategy`; add it there, or say "
                    + "`instant` or shares such as 10%,50%,100%"
            )
        }
        return Playbook.Strategy(
            shares: shares,
            hold: planned.hold,
            endsEarly: planned.endsEarly,
            requiresEvidence: planned.requiresEvidence,
            hasChosenUsers: chosenUsers,
            holdback: planned.holdback
        )
    }

    private func canary(_ text: String) throws(CommandFailure) -> Playbook.Strategy {
        let planned = playbook.strategy
        var shares: [Percent] = []
        for part in text.split(separator: ",") {
            let word = part.hasSuffix("%") ? String(part) : "\(part)%"
            guard let share = Percent(playbook: word), share > shares.last ?? .zero else {
                throw CommandFailure(
                    .usage,
                    "--strategy: expected `instant`, `canary`, `ab` or rising shares such as 10%,50%,100%, "
                        + "found `\(text)`"
                )
            }
            shares.append(share)
        }
        if shares.last != .full { shares.append(.full) }
        // The playbook may know no hold, being instant itself; a canary that nobody watches would be none.
        let isCanary = planned.shares.count > 1
        let byDefault = Playbook.Strategy.defaultHoldback(of: shares)
        return Playbook.Strategy(
            shares: shares,
            hold: planned.hold > .zero ? planned.hold : .minutes(10),
            endsEarly: planned.endsEarly || !isCanary,
            requiresEvidence: planned.requiresEvidence,
            holdback: isCanary && planned.holdback == nil ? nil : byDefault.map { planned.holdback ?? $0 }
        )
    }

    /// `green=25` or `green=25%`: the other environment has the rest.
    package func split(_ text: String) throws(CommandFailure) -> Split {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let names = environmentNames
        guard parts.count == 2, let name = names.first(where: { $0.rawValue == parts[0] }) else {
            let list = names.map(\.rawValue).joined(separator: " or ")
            throw CommandFailure(.usage, "`\(text)`: expected a split such as \(names[0])=25, with \(list)")
        }
        let word = parts[1].hasSuffix("%") ? parts[1] : parts[1] + "%"
        guard let share = Percent(playbook: word) else {
            throw CommandFailure(.usage, "`\(text)`: expected a share from 0 to 100, such as 25 or 12.5")
        }
        return Split(name, share, other: environment(other: name))
    }
}
