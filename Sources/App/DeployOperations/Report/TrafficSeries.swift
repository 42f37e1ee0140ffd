import DeployCore
package import SequentialStatistics

/// A run's traffic as points of a chart: ticks put together until there are no more than one wants to draw.
package struct TrafficSeries: Sendable {
    package struct Counts: Sendable {
        package var requests = 0
        package var errors = 0
        package var timed = 0
        package var slow = 0

        /// `nil` without requests.
        package var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
        /// `nil` where no durations are known.
        package var slowRate: Double? { timed > 0 ? Double(slow) / Double(timed) : nil }

        package mutating func add(_ arm: Tick.Arm) {
            requests += arm.requests
            errors += arm.errors
            timed += arm.timed
            slow += arm.slow
        }
    }

    package struct Point: Sendable {
        /// Seconds since the first watch began.
        package let start: Double
        package var end: Double
        package var stable = Counts()
        package var candidate = Counts()
        /// The candidate's, 0 through 1: the last one.
        package var share = 0.0
        /// ln of the evidence against the candidate by `metric`: the highest.
        package var evidence = -Double.infinity
    }

    private(set) var points: [Point] = []
    /// The metric that came nearest to a rollback; that of errors where none came any nearer.
    package let metric: Metric
    package let threshold: Double
    /// Seconds since the first watch began.
    package let length: Double

    /// `limit` is how many points there are at most, 1 and more; `last` is the latest second to be shown.
    package init(_ replay: Replay, limit: Int, last: Double) {
        metric = replay.peaks.first { $0.logEvidence >= 0.05 }?.metric ?? .relativeErrors
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

    package var hasDurations: Bool { points.contains { $0.candidate.timed > 0 || $0.stable.timed > 0 } }
}
