/// The last ticks of a watch and its whole, per side.
///
/// A tick costs the same however long the watch is.
struct TrafficWindow: Hashable, Sendable {
    /// Both sides over some stretch of time.
    struct Stretch: Hashable, Sendable {
        var stable = TrafficSample()
        var candidate = TrafficSample()
        /// Of the ticks that were measured.
        var seconds = 0.0

        static func += (left: inout Self, right: Self) {
            left.stable += right.stable
            left.candidate += right.candidate
            left.seconds += right.seconds
        }
    }

    private let capacity: Int
    private var ring: [Stretch] = []
    private var oldest = 0
    private(set) var recent = Stretch()
    private(set) var whole = Stretch()
    /// The tick added last; `nil` when it brought nothing.
    private(set) var latest: Stretch?
    private(set) var ticks = 0
    private(set) var missedTicks = 0

    init(ticks capacity: Int) { self.capacity = max(1, capacity) }

    mutating func add(_ tick: TrafficTick) {
        var stretch = Stretch()
        latest = nil
        switch tick.traffic {
        case .measured(let stable, let candidate):
            stretch = Stretch(stable: stable, candidate: candidate, seconds: max(0, tick.seconds))
            latest = stretch
            whole += stretch
        case .noEvidence:
            missedTicks += 1
        }
        ticks += 1
        if ring.count < capacity {
            ring.append(stretch)
        } else {
            ring[oldest] = stretch
            oldest = (oldest + 1) % capacity
        }
        recent = ring.reduce(into: Stretch()) { $0 += $1 }
    }

    /// The time within the window since the candidate's first request there.
    var candidateSeconds: Double {
        let ordered = ring[oldest...] + ring[..<oldest]
        return ordered.drop { $0.candidate.requests == 0 }.reduce(0) { $0 + $1.seconds }
    }
}
