import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

struct RetireCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Take the environment that is no longer live out of service.",
        discussion: """
            Carries out what the playbook says under `afterwards: retire`, once no balancer sends it traffic or has
            connections to it. From then on users are not put back to it; a run that brings a version to it ends that.
            """
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The run that left it behind; the latest without one.") var run: String?
    @Flag(name: .customLong("now"), help: "Also while it is kept, so that users can be put back to it.")
    var isEarly = false
    @Option(help: "Why, for the journal.") var reason: String?

    var reach: Reach { .thisHostInstead }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let store = try await workplace.desk().store()
        let recorded = try await RunHistory(store: store, service: service.name).run(run)
        let stable = recorded.state.plan.stable
        let command = PostedCommand(
            command: .retire(early: isEarly),
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        if let refusal = recorded.refusal(of: command) { throw CommandFailure(.forbidden, refusal) }
        guard workplace.confirm("Take \(stable) of \(service.name) out of service?") else { return .failed }
        let attended = try AttendedSession(workplace, store, runsFollowUps: true)
        let end = try await attended.session.takeOver(recorded, service, obeying: command, .onlyIfFree)
        guard case .settled(let state) = end else { return workplace.conclude(end, attended.signals) }
        return state.retiredAt == nil ? .failed : .done
    }
}
