import Synchronization

/// Counts the WebSockets, and lets no new one in while the environment drains.
final class SocketGate: Sendable {
    struct Count: Sendable, Equatable {
        var draining = false
        /// Open now.
        var active = 0
        /// Ever opened.
        var opened = 0
        /// Turned away by a drain.
        var refused = 0
        /// 0…1 of all attempts; 1 when there was none.
        var successRate: Double {
            opened + refused == 0 ? 1 : Double(opened) / Double(opened + refused)
        }
    }

    private let state = Mutex(Count())

    var count: Count { state.withLock { $0 } }

    func drain(_ draining: Bool) {
        state.withLock { $0.draining = draining }
    }

    /// Whether a new WebSocket may open; when it may, it is counted until `left()`.
    func enter() -> Bool {
        state.withLock { count in
            guard !count.draining else {
                count.refused += 1
                return false
            }
            count.opened += 1
            count.active += 1
            return true
        }
    }

    func left() {
        state.withLock { $0.active -= 1 }
    }
}
