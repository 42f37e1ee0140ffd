import DeployCore
import SequentialStatistics

/// A run's traffic as points of a chart: ticks put together until there are no more than one wants to draw.
struct TrafficSeries {
    struct Counts {
        var requests = 0
        var errors = 0
        var timed = 0
        var slow = 0

        /// `nil` without requests.
        var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
        /// `nil` where no durations are known.
        var slowRate: Double? { timed > 0 ? Double(slow) / Double(timed) : nil }

        mutating func add(_ arm: Tick.Arm) {
            requests += arm.requests
            errors += arm.errors
            timed += arm.timed
            slow += arm.slow
        }
    }

    struct Point {
        /// Seconds since the first watch began.
        let start: Double
        var end: Double
        var stable = Counts()
        var candidate = Counts()
        /// The candidate's, 0 through 1: the last one.
        var share = 0.0
        /// ln of the evidence against the candidate by `metric`: the highest.
        var evidence = -Double.infinity
    }

    private(set) var points: [Point] = []
    /// The metric that came nearest to a rollback.
    let metric: Metric
    let threshold: Double
    /// Seconds since the first watch began.
    let length: Double

    /// `limit` is how many points there are at most, 1 and more; `last` is the latest second to be shown.
    init(_ replay: Replay, limit: Int, last: Double) {
        metric = replay.peaks.first?.metric ?? .relativeErrors
        threshold = replay.configuration.threshold(of: metric)
        length = max(1, replay.ticks.last?.start ?? 1, last)
        let width = max(1, (length / Double(limit)).rounded(.up))
        for (tick, judgement) in zip(replay.ticks, replay.judgements) {
            let start = max(0, ((tick.start - 1) / width).rounded(.down) * width)
            if points.last?.start != start { points.append(Point(start: start, end: tick.start)) }
            var point = points.removeLast()
            point.end = max(tick.start, start)
            point.stable.add(tick.stable)
            point.candidate.add(tick.candidate)
            point.share = tick.share
            point.evidence = max(point.evidence, judgement.evidence[metric])
            points.append(point)
        }
    }

    var hasDurations: Bool { points.contains { $0.candidate.timed > 0 || $0.stable.timed > 0 } }
}
