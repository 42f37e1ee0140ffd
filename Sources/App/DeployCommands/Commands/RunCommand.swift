import ArgumentParser
import DeployCore
import DeployOperations
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
        let version = try service.version(self.version)
        let strategy = try self.strategy.map { text throws(CommandFailure) in
            try service.strategy(text)
        }
        if isDryRun { return try await PlanCommand.show(version, service, strategy, workplace) }
        guard workplace.confirm("Deploy \(service.name) \(version)?") else { return .failed }
        let store = try await workplace.store()
        let attended = try AttendedSession(workplace, store, leavesAtGates: leavesAtGates)
        let end = try await attended.session.begin(version, of: service, strategy: strategy)
        return try await attended.follow(end, service)
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
