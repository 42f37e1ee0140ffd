import ArgumentParser
import DeployCore
import DeployEngine
import DeployPorts
import StoreSQLite

/// Sends a command to the process that drives a run.
struct Steering {
    let workplace: Workplace
    let store: any RunStore

    /// How long the other process may take to answer.
    private static let patience = Span.seconds(10)

    /// Posts the command and waits for the answer.
    ///
    /// Returns `false` when no living process holds the run: the command then lies ready for who resumes it, unless
    /// `onlyIfHeld`, because the caller takes the run over with it.
    func post(
        _ command: Command,
        _ reason: String?,
        to recorded: RecordedRun,
        onlyIfHeld: Bool = false
    ) async throws(CommandFailure) -> Bool {
        let posted = PostedCommand(
            command: command,
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        do throws(RunStoreError) {
            let lease = try await store.lease(on: recorded.record.service)
            let isHeld = lease.map { ProcessIdentity.isAlive($0.holder) != false } ?? false
            guard isHeld || !onlyIfHeld else { return false }
            let id = try await store.post(posted, to: recorded.record.id)
            guard isHeld else { return false }
            let deadline = workplace.clock.now().advanced(by: Self.patience)
            while workplace.clock.now() < deadline {
                if let reply = try await store.reply(to: id) {
                    guard let refusal = reply.refusal else { return true }
                    throw .unavailable(refusal)
                }
                do { try await workplace.clock.sleep(for: .milliseconds(50)) } catch { break }
            }
        } catch {
            if case .unavailable(let text) = error { throw CommandFailure(.failed, text) }
            throw CommandFailure(error)
        }
        throw CommandFailure(
            .held,
            "the process that drives run \(recorded.record.id) does not answer; `bgdeploy rollback` takes the run over"
        )
    }

    /// The latest run of the playbook's service, unsettled.
    func openRun(_ identity: String?, _ service: Service) async throws(CommandFailure) -> RecordedRun {
        let recorded = try await RunHistory(store: store, service: service.name).run(identity)
        guard !recorded.state.isSettled else {
            throw CommandFailure(
                .failed,
                "run \(recorded.record.id) has ended already: \(recorded.state.condition.rawValue)"
            )
        }
        return recorded
    }
}

/// Approve, promote and pause: one command to the run that is going on.
protocol SteeringCommand: CommandBody {
    var run: String? { get }
    var reason: String? { get }
    var command: Command { get }
    /// What is told when it was taken.
    var told: String { get }
}

extension SteeringCommand {
    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let store = try await workplace.store()
        let steering = Steering(workplace: workplace, store: store)
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
            workplace.printer.line("\(told), once the run is gone on with: bgdeploy resume")
            return .waiting
        }
        workplace.printer.line(told)
        return .done
    }
}

struct ApproveCommand: SteeringCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Open the gate that the run waits at."
    )

    @OptionGroup var common: CommonOptions
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
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?
    var command: Command { .pause }
    var told: String { "paused; go on with `bgdeploy resume` or `bgdeploy promote`" }
}

struct AbortCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Stop the run and put the traffic back."
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let store = try await workplace.store()
        let steering = Steering(workplace: workplace, store: store)
        let recorded = try await steering.openRun(run, service)
        let session = RunSession(
            workplace: workplace,
            store: store,
            observer: workplace.observer(),
            signals: workplace.signals()
        )
        let posted = try await steering.post(.abort, reason, to: recorded, onlyIfHeld: true)
        if posted {
            let status = try await session.settled(from: recorded.state, service)
            return status == .rollbackFailed ? .rollbackFailed : .done
        }
        let command = PostedCommand(
            command: .abort,
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        return session.conclude(
            takingBack: try await session.takeOver(recorded, service, obeying: command, .byForce)
        )
    }
}
