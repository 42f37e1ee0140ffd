package import DeployCore
package import DeployEngine
import DeployPorts
import Synchronization

/// What this process's runs are doing, for those who watch: the latest figures, and a call when a journal grows.
package final class RunHub: Sendable {
    private struct Board {
        var figures: [RunID: TrafficFigures] = [:]
        var followers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextFollower = 0
    }

    package let metrics = RunMetrics()
    private let board = Mutex(Board())

    package init() {}

    /// The traffic of a run as it was seen last; `nil` when this process does not watch it.
    package func figures(of run: RunID) -> TrafficFigures? { board.withLock { $0.figures[run] } }

    /// Yields after each entry that this process wrote, whatever the run; several may come as one.
    package func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let number = board.withLock { board in
            board.nextFollower += 1
            board.followers[board.nextFollower] = continuation
            return board.nextFollower
        }
        continuation.onTermination = { [weak self] _ in
            self?.board.withLock { _ = $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    /// For what is looked at and not driven.
    package var unheard: any RunObserver { HubObserver(hub: self, opening: nil) }

    /// Tells the hub of what a run does, and `opening` of its first entry.
    func observer(opening: Opening?) -> any RunObserver { HubObserver(hub: self, opening: opening) }

    func changed() {
        for follower in board.withLock({ Array($0.followers.values) }) { follower.yield() }
    }

    fileprivate func saw(_ figures: TrafficFigures, of run: RunID) {
        board.withLock { $0.figures[run] = figures }
    }

    fileprivate func ended(_ run: RunID) {
        board.withLock { _ = $0.figures.removeValue(forKey: run) }
    }
}

private final class HubObserver: RunObserver {
    private let hub: RunHub
    private let opening: Opening?
    private let run = Mutex<RunID?>(nil)

    init(hub: RunHub, opening: Opening?) {
        self.hub = hub
        self.opening = opening
    }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        run.withLock { $0 = entry.run }
        // Who asked for a takeover waits for what he asked for, not for the takeover alone.
        if case .resumed = entry.event.kind {} else { opening?.opened(entry.run) }
        hub.metrics.recorded(entry.run, entry.event.at, before: before, after: after)
        if after.isSettled { hub.ended(entry.run) }
        hub.changed()
    }

    func watched(_ figures: TrafficFigures) {
        guard let run = run.withLock({ $0 }) else { return }
        hub.saw(figures, of: run)
    }

    func output(_ line: String, of step: StepID) {}
    func draining(connections: Int) {}
}

/// Answers once: the run that was opened, or why there is none.
final class Opening: Sendable {
    private let waiter: Mutex<CheckedContinuation<Result<RunID, CommandFailure>, Never>?>

    init(_ waiter: CheckedContinuation<Result<RunID, CommandFailure>, Never>) { self.waiter = Mutex(waiter) }

    func opened(_ run: RunID) { answer(.success(run)) }
    func failed(_ failure: CommandFailure) { answer(.failure(failure)) }

    private func answer(_ result: Result<RunID, CommandFailure>) {
        let waiter = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume(returning: result)
    }
}
