package import DeployCore
import DeployPorts
import Synchronization

/// A clock that stands still until it is moved by hand.
///
/// Sleepers wake in the order of their times, and those of one time in the order in which they went to sleep.
package final class ManualClock: Timekeeper {
    private struct Sleeper {
        let id: Int
        let wake: Timestamp
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now: Timestamp
        var lastID = 0
        /// By time, then by `id`.
        var sleepers: [Sleeper] = []
        /// Cancelled before they lay down.
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    package init(at start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) {
        state = Mutex(State(now: start))
    }

    package func now() -> Timestamp { state.withLock { $0.now } }

    package func sleep(for span: Span) async throws(CancellationError) {
        guard !Task.isCancelled else { throw CancellationError() }
        guard span > .zero else { return }
        let (id, wake) = state.withLock { state in
            state.lastID += 1
            return (state.lastID, state.now.advanced(by: span))
        }
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { lieDown(Sleeper(id: id, wake: wake, continuation: $0)) }
        } onCancel: {
            cancel(id)
        }
        guard isOver else { throw CancellationError() }
    }

    // MARK: by hand

    /// How many sleep now.
    package var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// When the next sleeper wakes; `nil` while nobody sleeps.
    package var nextWake: Timestamp? { state.withLock { $0.sleepers.first?.wake } }

    /// Moves to the next sleeper's time and wakes that one alone.
    ///
    /// Returns whether anybody slept.
    @discardableResult
    package func wakeNext() -> Bool {
        let sleeper = state.withLock { state -> Sleeper? in
            guard !state.sleepers.isEmpty else { return nil }
            let first = state.sleepers.removeFirst()
            state.now = max(state.now, first.wake)
            return first
        }
        sleeper?.continuation.resume(returning: true)
        return sleeper != nil
    }

    /// Moves on by `span` and wakes everybody whose time has come.
    package func advance(by span: Span) {
        let end = now().advanced(by: span)
        while let next = nextWake, next <= end { wakeNext() }
        state.withLock { $0.now = max($0.now, end) }
    }

    private func lieDown(_ sleeper: Sleeper) {
        let isCancelled = state.withLock { state in
            if state.cancelled.remove(sleeper.id) != nil { return true }
            let place = state.sleepers.firstIndex { $0.wake > sleeper.wake } ?? state.sleepers.endIndex
            state.sleepers.insert(sleeper, at: place)
            return false
        }
        if isCancelled { sleeper.continuation.resume(returning: false) }
    }

    private func cancel(_ id: Int) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let place = state.sleepers.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.sleepers.remove(at: place)
        }
        sleeper?.continuation.resume(returning: false)
    }
}
