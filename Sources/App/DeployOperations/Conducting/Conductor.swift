package import DeployCore
import DeployEngine
package import DeployPorts
package import Logging

import Synchronization

/// Drives the runs of several services in this process, beside other processes on the same journal.
///
/// Who asks for a run gets its identity when its first entry is durable; the run goes on when they are gone. A run
/// that nobody drives (its process died, was stopped, or left it at a gate) is gone on with within a second of its
/// lease's end; two processes that try are parted by the lease.
package final class Conductor: Sendable {
    let directory: ServiceDirectory
    let store: any StateStore
    package let queue: RunQueue
    /// For what this process begins by itself: runs that it goes on with.
    let desk: Desk
    let hub: RunHub
    let logger: Logger
    private let stops = StopBoard()
    /// How many runs of each service are driven here: two while one takes the other over.
    private let driven = Mutex<[String: Int]>([:])
    private let jobs: AsyncStream<@Sendable () async -> Void>
    private let addJob: AsyncStream<@Sendable () async -> Void>.Continuation

    package init(
        directory: ServiceDirectory,
        store: any StateStore,
        queue: RunQueue,
        desk: Desk,
        hub: RunHub,
        logger: Logger
    ) {
        self.directory = directory
        self.store = store
        self.queue = queue
        self.desk = desk
        self.hub = hub
        self.logger = logger
        (jobs, addJob) = AsyncStream.makeStream()
    }

    /// Drives runs until ``stop()``, and returns when each has left: what is in flight is answered first, which
    /// takes 10 s at most; the others of the journal go on with them.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.lookAround() }
            for await job in jobs { group.addTask { await job() } }
        }
    }

    /// Asks every run to leave; nothing new is begun.
    package func stop() {
        stops.stop()
        addJob.finish()
    }

    package var isStopping: Bool { stops.isStopped }

    /// The services that this process drives a run of.
    package var drivenServices: Set<String> { driven.withLock { Set($0.keys) } }

    // MARK: what people ask for

    /// Begins a run, and returns when it is in the journal.
    ///
    /// `.held` while another run of the service is not settled; the other failures are ``RunSession``'s.
    package func begin(
        _ order: RunOrder,
        of service: Service,
        by actor: Actor
    ) async throws(CommandFailure) -> RunID {
        try await open { [self] opening in
            let session = session(by: actor, opening)
            await drive(service.name, opening) { () async throws(CommandFailure) in
                try await session.begin(order, of: service)
            }
        }
    }

    /// Takes a run over, whoever drives it, with a command to obey first; returns when that is in the journal.
    package func takeOver(
        _ run: RecordedRun,
        _ service: Service,
        obeying command: PostedCommand
    ) async throws(CommandFailure) {
        if let refusal = run.refusal(of: command) { throw CommandFailure(.forbidden, refusal) }
        _ = try await open { [self] opening in
            let session = session(by: command.by, opening)
            await drive(service.name, opening) { () async throws(CommandFailure) in
                try await session.takeOver(run, service, obeying: command, .byForce)
            }
        }
    }

    // MARK: driving

    /// Goes on with a run that nobody drives; the failure goes into the log.
    func resume(_ run: RecordedRun, _ service: Service, obeying waiting: PostedCommand.Waiting?) {
        let isDriven = driven.withLock { driven in
            defer { driven[service.name] = driven[service.name] ?? 1 }
            return driven[service.name] != nil
        }
        guard !isDriven else { return }
        addJob.yield { [self] in
            var session = session(by: desk.actor, nil)
            session.endsPauses = false
            session.runsFollowUps = run.state.hasFollowUps
            await conduct(service.name) { () async throws(CommandFailure) in
                try await session.takeOver(
                    run,
                    service,
                    obeying: waiting?.posted,
                    answering: waiting?.id,
                    .onlyIfFree
                )
            }
        }
    }

    private func open(
        _ job: @escaping @Sendable (Opening) async -> Void
    ) async throws(CommandFailure) -> RunID {
        guard !isStopping else {
            throw CommandFailure(.unavailable, "this service is being stopped: ask again, or ask another one")
        }
        let result = await withCheckedContinuation { continuation in
            let opening = Opening(continuation)
            let added = addJob.yield { await job(opening) }
            if case .terminated = added {
                opening.failed(CommandFailure(.unavailable, "this service is being stopped: ask again"))
            }
        }
        return try result.get()
    }

    private func session(by actor: Actor, _ opening: Opening?) -> RunSession {
        RunSession(
            desk: Desk(actor: actor, environment: desk.environment, state: desk.state, clock: desk.clock),
            store: store,
            observer: hub.observer(opening: opening),
            stops: stops.stream()
        )
    }

    private func drive(
        _ service: String,
        _ opening: Opening,
        _ work: () async throws(CommandFailure) -> RunEnd
    ) async {
        driven.withLock { $0[service, default: 0] += 1 }
        await conduct(service, isAnswered: true) { () async throws(CommandFailure) in
            do throws(CommandFailure) {
                let end = try await work()
                opening.failed(Self.failure(of: end))
                return end
            } catch {
                opening.failed(error)
                throw error
            }
        }
    }

    /// What an end means to who still waits for the run's first entry: there was none.
    private static func failure(of end: RunEnd) -> CommandFailure {
        switch end {
        case .journalLost(_, let error, _): CommandFailure(error)
        case .settled, .waiting, .stopped, .lost:
            CommandFailure(.held, "another process has taken this service over")
        }
    }

    /// `isAnswered`: who asked is told of a failure; what was only refused is no error of ours.
    private func conduct(
        _ service: String,
        isAnswered: Bool = false,
        _ work: () async throws(CommandFailure) -> RunEnd
    ) async {
        do throws(CommandFailure) {
            log(try await work(), service)
        } catch {
            let isRefusal = isAnswered && error.status != .unavailable
            logger.log(
                level: isRefusal ? .info : .error,
                isRefusal ? "run refused" : "run not driven",
                metadata: ["service": "\(service)", "reason": "\(error.message)"]
            )
        }
        driven.withLock { driven in
            let left = driven[service, default: 1] - 1
            driven[service] = left > 0 ? left : nil
        }
    }

    private func log(_ end: RunEnd, _ service: String) {
        let (word, state) =
            switch end {
            case .settled(let state): (state.condition.rawValue, state)
            case .waiting(let state): ("waiting", state)
            case .stopped(let state): ("stopped", state)
            case .lost(let state): ("taken over by another process", state)
            case .journalLost(let state, _, _): ("journal lost", state)
            }
        logger.info(
            "run \(word)",
            metadata: [
                "service": "\(service)", "version": "\(state.plan.version)", "split": "\(state.split)",
            ]
        )
    }
}

/// Hands each run a stream that asks it to leave, also one that begins too late.
private final class StopBoard: Sendable {
    private struct Board {
        var isStopped = false
        var runs: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextRun = 0
    }

    private let board = Mutex(Board())

    var isStopped: Bool { board.withLock(\.isStopped) }

    func stream() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let (number, isStopped) = board.withLock { board in
            board.nextRun += 1
            board.runs[board.nextRun] = continuation
            return (board.nextRun, board.isStopped)
        }
        continuation.onTermination = { [weak self] _ in
            self?.board.withLock { _ = $0.runs.removeValue(forKey: number) }
        }
        if isStopped { continuation.yield() }
        return stream
    }

    func stop() {
        let runs = board.withLock { board in
            board.isStopped = true
            return Array(board.runs.values)
        }
        for run in runs { run.yield() }
    }
}
