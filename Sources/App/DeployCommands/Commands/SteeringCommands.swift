import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// Approve, promote and pause: one command to the run that is going on.
protocol SteeringCommand: ServiceCommand {
    var run: String? { get }
    var reason: String? { get }
    var command: Command { get }
    /// What is told when it was taken.
    var told: String { get }
}

extension SteeringCommand {
    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote { return try await body(workplace, remote) }
        let store = try await workplace.store()
        let service = try await workplace.service(of: run, store)
        let steering = Steering(desk: try workplace.desk(), store: store)
        let recorded = try await steering.openRun(run, service)
        guard try await steering.post(command, reason, to: recorded) else {
            let refusal = Reducer.step(
                recorded.state,
                RunEvent(
                    at: workplace.clock.now(),
                    .commanded(command: command, by: workplace.actor, reason: reason)
                )
            ).refusal
            if let refusal { throw CommandFailure(.failed, refusal) }
            let name = recorded.record.isOfRunbook ? " \(recorded.record.id)" : ""
            workplace.printer.line("\(told), once the run is gone on with: bgdeploy resume\(name)")
            return .waiting
        }
        workplace.printer.line(told)
        return .done
    }

    private func body(
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        let service = run == nil ? try await workplace.serviceName() : nil
        let isTaken = try await remote.steer(command, reason, try await remote.openRun(run, of: service))
        workplace.printer.line(isTaken ? told : "\(told), once the service goes on with the run")
        return isTaken ? .done : .waiting
    }
}

struct ApproveCommand: SteeringCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Open the gate that the run waits at."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "A remark for the journal.") var reason: String?
    var command: Command { .approve }
    var told: String { "approved" }
}

struct PromoteCommand: SteeringCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "End the current hold: next canary step now, or straight to 100 %."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?
    @Flag(help: "Straight to 100 %.") var full = false
    var command: Command { .promote(full: full) }
    var told: String { "the hold is ended" }
}

struct PauseCommand: SteeringCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Hold at the current split, watched; `resume` or `promote` go on."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?
    var command: Command { .pause }
    var told: String { "paused; go on with `bgdeploy resume` or `bgdeploy promote`" }
}

struct AbortCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Stop the run and put the traffic back."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote {
            let service = run == nil ? try await workplace.serviceName() : nil
            let recorded = try await remote.openRun(run, of: service)
            let reason = reason
            return try await workplace.attending(remote, FollowedRun(recorded.record.id)) {
                () async throws(CommandFailure) in
                try await remote.abort(recorded, reason)
            }
        }
        let store = try await workplace.desk().store()
        let service = try await workplace.service(of: run, store)
        let steering = Steering(desk: try workplace.desk(), store: store)
        let recorded = try await steering.openRun(run, service)
        let attended = try AttendedSession(workplace, store)
        let posted = try await steering.post(.abort, reason, to: recorded, onlyIfHeld: true)
        if posted {
            let status = try await attended.settled(from: recorded.state, service)
            return status == .rollbackFailed ? .rollbackFailed : .done
        }
        let command = PostedCommand(
            command: .abort,
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        return attended.conclude(
            takingBack: try await attended.session.takeOver(recorded, service, obeying: command, .byForce)
        )
    }
}
