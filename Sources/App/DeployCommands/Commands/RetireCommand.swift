import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

struct RetireCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Take the environment that is no longer live out of service.",
        discussion: """
            Carries out what the playbook says under `afterwards: retire`, once no balancer sends it traffic or has
            connections to it. From then on users are not put back to it; a run that brings a version to it ends that.
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run that left it behind; the latest without one.") var run: String?
    @Flag(name: .customLong("now"), help: "Also while it is kept, so that users can be put back to it.")
    var isEarly = false
    @Option(help: "Why, for the journal.") var reason: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let name = run == nil || workplace.remote == nil ? try await workplace.serviceName() : nil
        let recorded = try await RunHistory(store: try await workplace.store(), service: name).run(run)
        let stable = recorded.state.plan.stable
        let command = PostedCommand(
            command: .retire(early: isEarly),
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        if let refusal = recorded.refusal(of: command) { throw CommandFailure(.forbidden, refusal) }
        let question = "Take \(stable) of \(recorded.record.service) out of service?"
        guard workplace.confirm(question) else { return .failed }
        if let remote = workplace.remote { return try await retire(recorded, workplace, remote) }
        let service = try workplace.service()
        let store = try await workplace.desk().store()
        let attended = try AttendedSession(workplace, store, runsFollowUps: true)
        let end = try await attended.session.takeOver(recorded, service, obeying: command, .onlyIfFree)
        guard case .settled(let state) = end else { return workplace.conclude(end, attended.signals) }
        return state.retiredAt == nil ? .failed : .done
    }

    private func retire(
        _ recorded: RecordedRun,
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        let (isEarly, reason) = (isEarly, reason)
        return try await workplace.attending(remote, FollowedRun(recorded.record.id)) {
            () async throws(CommandFailure) in
            let observer = workplace.observer()
            if let end = try await remote.retire(recorded, early: isEarly, reason, observer) { return end }
            remote.tell("asked for; it is done once the service goes on with run \(recorded.record.id)")
            return .waiting
        }
    }
}
