import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct ResumeCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a run whose process is gone, or that is paused."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Flag(help: "Go on although the run ended its process several times at the same point.") var force = false
    @Flag(name: .customLong("no-wait"), help: "Leave with exit code 5 at a gate instead of waiting at it.")
    var leavesAtGates = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote { return try await body(workplace, remote) }
        let store = try await workplace.desk().store()
        let service = try await workplace.service(of: run, store)
        let recorded = try await RunHistory(store: store, service: service.name).run(run)
        guard !recorded.state.isSettled || recorded.state.hasFollowUps else {
            let word = recorded.state.condition.rawValue
            Printer.errors.line("bgdeploy: run \(recorded.record.id) has ended already: \(word)")
            return ExitStatus(of: recorded.state)
        }
        guard recorded.state.takeovers < RunState.takeoverLimit || force else {
            throw CommandFailure(
                .failed,
                """
                run \(recorded.record.id) ended its process \(recorded.state.takeovers) times at the same point \
                (\(recorded.state.phase?.rawValue ?? "start")); the traffic is left as it is: \(recorded.state.split)
                Take it back with `bgdeploy rollback`, or try once more with `bgdeploy resume --force`
                """
            )
        }
        if recorded.state.pause != nil {
            let steering = Steering(desk: try workplace.desk(), store: store)
            if try await steering.post(.proceed, nil, to: recorded, onlyIfHeld: true) {
                workplace.printer.line("goes on")
                return .done
            }
        }
        let attended = try AttendedSession(
            workplace,
            store,
            leavesAtGates: leavesAtGates,
            runsFollowUps: recorded.state.hasFollowUps
        )
        let end = try await attended.session.takeOver(recorded, service, obeying: nil, .onlyIfFree)
        let name = recorded.record.isOfRunbook ? recorded.record.id : nil
        return try await attended.follow(end, service, named: name)
    }

    /// A service goes on with interrupted runs by itself: what is left to do is to end a pause, and to follow.
    private func body(
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        let service = run == nil ? try await workplace.serviceName() : nil
        let recorded = try await RunHistory(store: remote.store, service: service).run(run)
        guard !recorded.state.isSettled else {
            let word = recorded.state.condition.rawValue
            Printer.errors.line("bgdeploy: run \(recorded.record.id) has ended already: \(word)")
            return ExitStatus(of: recorded.state)
        }
        if recorded.state.pause != nil, try await remote.steer(.proceed, nil, recorded) {
            workplace.printer.line("goes on")
            return .done
        }
        let (observer, leavesAtGates) = (workplace.observer(), leavesAtGates)
        return try await workplace.attending(remote, FollowedRun(recorded.record.id)) {
            () async throws(CommandFailure) in
            try await remote.follow(
                recorded.record.id,
                observer,
                after: recorded.lastEvent,
                leavesAtGates: leavesAtGates
            )
        }
    }
}
