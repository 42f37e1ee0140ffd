internal import Histogram

/// How long requests took: an HDR histogram in microseconds, 0.1 % exact from 1 µs to 5 minutes.
package struct LatencyRecord: Sendable {
    /// A step of the spectrum.
    package struct Level: Sendable {
        /// The share of the requests, 0 through 100, that took at most ``microseconds``.
        package let percentile: Double
        package let microseconds: UInt64
        /// How many requests that are.
        package let count: UInt64
    }

    private static let longest: UInt64 = 300_000_000
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: longest,
        numberOfSignificantValueDigits: .three
    )

    package init() {}

    package var count: UInt64 { histogram.totalCount }

    package mutating func add(microseconds: UInt64, count: UInt64 = 1) {
        _ = histogram.record(min(microseconds, Self.longest), count: count)
    }

    package static func += (left: inout Self, right: Self) { left.histogram.add(right.histogram) }

    /// What `percent` of the requests did not exceed; `nil` when there are none.
    package func percentile(_ percent: Double) -> Duration? {
        guard count > 0 else { return nil }
        return .microseconds(histogram.valueAtPercentile(percent))
    }

    package var longest: Duration? { count > 0 ? .microseconds(histogram.max) : nil }

    /// How many took longer than `limit`.
    package func count(above limit: Duration) -> UInt64 {
        let (seconds, attoseconds) = limit.components
        let microseconds = UInt64(max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000))
        guard microseconds < Self.longest else { return 0 }
        return count - histogram.count(within: 0...microseconds)
    }

    /// The same with the requests that a user would have made while it waited for a slow answer.
    ///
    /// A user who asks again only when answered leaves out just the requests that would have found the server
    /// slow (coordinated omission). For each answer that took `n` times as long as is usual, `n - 1` more are
    /// added that would have waited for the rest of that time. What is usual is the median, at least a
    /// millisecond.
    package var corrected: LatencyRecord {
        guard count > 0 else { return self }
        let usual = max(1000, histogram.valueAtPercentile(50))
        var result = self
        for step in histogram.recordedValues() where step.count > 0 {
            var rest = step.value
            while rest >= 2 * usual {
                rest -= usual
                result.add(microseconds: rest, count: step.count)
            }
        }
        return result
    }

    /// From the fastest to the slowest, ever finer towards the end.
    package var spectrum: [Level] {
        histogram.percentiles(ticksPerHalfDistance: 2).map {
            Level(
                percentile: min(100, $0.percentileLevelIteratedTo),
                microseconds: $0.value,
                count: $0.totalCountToThisValue
            )
        }
    }
}
