import ArgumentParser
import DeployCore
import DeployPorts
import Playbooks

struct RunCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Deploy a version.",
        discussion: """
            The environment that is not live gets the version, is validated, and then gets the traffic, as the
            playbook says. Ends with 0 when the version is live, 1 when it failed before any traffic moved, 3 when it
            was rolled back. Ctrl-C leaves the run resumable.
            """
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The version, such as v2.5.0.") var version: String
    @Option(help: "instant, or the canary's shares such as 10%,50%,100%.") var strategy: String?
    @Flag(name: .customLong("dry-run"), help: "Print what would be done, and change nothing.") var isDryRun =
        false
    @Flag(name: .customLong("no-wait"), help: "Leave with exit code 5 at a gate instead of waiting at it.")
    var leavesAtGates = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let version = try Self.version(self.version, of: service)
        let strategy = try self.strategy.map { text throws(CommandFailure) in
            try Self.strategy(text, insteadOf: service.playbook.strategy)
        }
        if isDryRun { return try await PlanCommand.show(version, service, strategy, workplace) }
        guard workplace.confirm("Deploy \(service.name) \(version)?") else { return .failed }
        let store = try await workplace.store()
        let signals = workplace.signals()
        let session = RunSession(
            workplace: workplace,
            store: store,
            observer: workplace.observer(),
            signals: signals,
            leavesAtGates: leavesAtGates
        )
        let end = try await session.begin(version, of: service, strategy: strategy)
        return try await session.follow(end, service)
    }

    static func version(_ text: String, of service: Service) throws(CommandFailure) -> Version {
        do throws(VersionRefused) {
            return try service.playbook.version(text)
        } catch {
            throw CommandFailure(.usage, error.description)
        }
    }

    /// `instant`, or rising shares; the last one, 100 %, may be left out.
    ///
    /// What the text does not say is as the playbook has it.
    static func strategy(
        _ text: String,
        insteadOf planned: Playbook.Strategy
    ) throws(CommandFailure) -> Playbook.Strategy {
        if text == "instant" { return .instant }
        var shares: [Percent] = []
        for part in text.split(separator: ",") {
            let word = part.hasSuffix("%") ? String(part) : "\(part)%"
            guard let share = Percent(playbook: word), share > shares.last ?? .zero else {
                throw CommandFailure(
                    .usage,
                    "--strategy: expected `instant` or rising shares such as 10%,50%,100%, found `\(text)`"
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
}

extension Workplace {
    func signals() -> Signals {
        Signals { number in
            Printer.errors.line(
                """

                bgdeploy: stopping (\(number == 2 ? "interrupted" : "signal \(number)")): what is in flight is \
                finished first; once more to leave at once
                """
            )
        }
    }
}
