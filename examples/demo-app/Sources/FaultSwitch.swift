import Synchronization

/// Holds the faults in force, and says which request meets an error.
final class FaultSwitch: Sendable {
    private struct State {
        var faults = Faults()
        var owed = 0.0
    }

    private let state = Mutex(State())

    var current: Faults { state.withLock(\.faults) }

    /// Replaces all faults at once; twice is as once.
    func set(_ faults: Faults) {
        state.withLock { $0 = State(faults: faults) }
    }

    /// Whether the next request is to fail: exactly `errorRate` of them, evenly spread.
    ///
    /// Dealt out and not drawn, so that 100 requests at 0.3 see 30 errors each time the example is tried.
    func nextRequestFails() -> Bool {
        state.withLock { state in
            state.owed += state.faults.errorRate
            // 0.1 added ten times is a little under 1.
            guard state.owed > 1 - 1e-9 else { return false }
            state.owed -= 1
            return true
        }
    }
}
