import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import Playbooks

struct RunCommand: ServiceCommand {
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
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The version, such as v2.5.0.") var version: String
    @Option(help: "instant, canary, ab, or shares such as 10%,50%,100%.") var strategy: String?
    @Flag(name: .customLong("dry-run"), help: "Print what would be done, and change nothing.") var isDryRun =
        false
    @Flag(name: .customLong("no-wait"), help: "Leave with exit code 5 at a gate instead of waiting at it.")
    var leavesAtGates = false
    @Flag(help: "Hand the run to the service, print its identity and leave with exit code 5.")
    var detach = false
    @Option(
        name: .customLong("key"),
        help: "Begin no second run for this word within a day, such as a CI job's identity (BGDEPLOY_KEY)."
    )
    var key: String?
    @Flag(name: .customLong("override-window"), help: "Go through closed windows; with --reason.")
    var overridesWindows = false
    @Option(help: "Why a closed window is gone through, for the journal.") var reason: String?

    func validate() throws {
        guard !overridesWindows || reason?.isEmpty == false else {
            throw ValidationError("--override-window goes into the journal: say why with --reason")
        }
    }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote { return try await body(workplace, remote) }
        guard !detach, key == nil else {
            throw CommandFailure(
                .usage,
                "\(detach ? "--detach" : "--key") needs a service that the run is handed to: name it with --server"
            )
        }
        let service = try workplace.service()
        let version = try service.version(self.version)
        let strategy = try self.strategy.map { text throws(CommandFailure) in
            try service.strategy(text)
        }
        if isDryRun { return try await PlanCommand.show(version, service, strategy, workplace) }
        guard workplace.confirm("Deploy \(service.name) \(version)?") else { return .failed }
        let store = try await workplace.desk().store()
        let attended = try AttendedSession(workplace, store, leavesAtGates: leavesAtGates)
        let order = try RunOrder(
            version,
            strategy: strategy,
            reason: reason,
            overridesWindows: overridesWindows
        )
        let end = try await attended.session.begin(order, of: service)
        return try await attended.follow(end, service)
    }

    private func body(
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        if isDryRun { return try await PlanCommand.show(version, strategy, workplace, remote) }
        let service = try await workplace.serviceName()
        guard workplace.confirm("Deploy \(service) \(version)?") else { return .failed }
        let order = RemoteDesk.Order(
            version: version,
            strategy: strategy,
            reason: reason,
            overridesWindows: overridesWindows,
            key: try workplace.key(key)
        )
        let (isFollowed, leavesAtGates) = (!detach, leavesAtGates)
        let followed = FollowedRun()
        return try await workplace.attending(remote, followed) { () async throws(CommandFailure) in
            let run = try await remote.begin(order, of: service)
            followed.id = run
            guard isFollowed else { return workplace.handedOver(run, service, remote) }
            return try await remote.follow(run, workplace.observer(), leavesAtGates: leavesAtGates)
        }
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
