import Synchronization

/// Counts requests and errors of the last five minutes, by the second.
final class TrafficRecord: Sendable {
    struct Sums: Sendable, Equatable {
        var requests = 0
        var errors = 0
        /// 0…1; 0 when there was no request.
        var errorRate: Double { requests == 0 ? 0 : Double(errors) / Double(requests) }
    }

    private struct Second {
        var number: Int64 = -1
        var sums = Sums()
    }

    private struct State {
        var ring = [Second](repeating: Second(), count: 300)
        var active = 0
    }

    private let clock: ContinuousClock
    private let start: ContinuousClock.Instant
    private let state = Mutex(State())

    init(clock: ContinuousClock) {
        self.clock = clock
        start = clock.now
    }

    /// Requests that wait for their answer now.
    var active: Int { state.withLock(\.active) }

    var lastFiveMinutes: Sums {
        let now = second()
        return state.withLock { state in
            state.ring.reduce(into: Sums()) { sums, slot in
                guard slot.number >= 0, now - slot.number < Int64(state.ring.count) else { return }
                sums.requests += slot.sums.requests
                sums.errors += slot.sums.errors
            }
        }
    }

    func began() {
        state.withLock { $0.active += 1 }
    }

    func ended(error: Bool) {
        let now = second()
        state.withLock { state in
            state.active -= 1
            let index = Int(now % Int64(state.ring.count))
            if state.ring[index].number != now { state.ring[index] = Second(number: now) }
            state.ring[index].sums.requests += 1
            state.ring[index].sums.errors += error ? 1 : 0
        }
    }

    private func second() -> Int64 { start.duration(to: clock.now).components.seconds }
}
