/// Recent durations, in which what is a minute old counts half.
///
/// Its 95th percentile of the stable arm is what a slow request is measured by (τ). A bucket is 5 % wide and
/// a quantile is its geometric middle, so at most 2.5 % off.
public struct DecayingHistogram: Hashable, Sendable {
    private static let logGrowth = Natural.log(1.05)
    /// Shorter and longer durations go into the first and the last bucket; in milliseconds a µs and 11 days.
    private static let range = 1e-3...1e9
    /// Seconds.
    private let halfLife: Double
    private var counts: [Int: Double] = [:]
    private var total = 0.0

    public init(halfLife: Double = 60) { self.halfLife = halfLife }

    /// How many requests it holds, older ones counted as what is left of them.
    public var weight: Double { total }

    /// Lets `seconds` pass; what has become too little to matter is forgotten.
    public mutating func decay(seconds: Double) {
        guard seconds >= 0 else { return }
        let factor = Natural.exp(-seconds / halfLife * Natural.log(2))
        counts = counts.compactMapValues { $0 * factor > 1e-6 ? $0 * factor : nil }
        // In order: the sum of the same numbers must be the same in every process.
        total = counts.keys.sorted().reduce(0) { $0 + (counts[$1] ?? 0) }
    }

    /// Adds `weight` requests of `duration`, in any unit; what is no duration is left out.
    public mutating func add(_ duration: Double, weight: Double = 1) {
        guard duration.isFinite, duration >= 0, weight.isFinite, weight > 0 else { return }
        let clamped = min(max(duration, Self.range.lowerBound), Self.range.upperBound)
        let bucket = Int((Natural.log(clamped) / Self.logGrowth).rounded(.up))
        counts[bucket, default: 0] += weight
        total += weight
    }

    /// What `share` (0 through 1) of the requests did not exceed; `nil` when empty.
    public func quantile(_ share: Double) -> Double? {
        guard total > 0 else { return nil }
        var seen = 0.0
        let buckets = counts.keys.sorted()
        for bucket in buckets {
            seen += counts[bucket] ?? 0
            if seen >= share * total - 1e-9 { return Self.middle(of: bucket) }
        }
        return buckets.last.map(Self.middle)
    }

    private static func middle(of bucket: Int) -> Double {
        Natural.exp((Double(bucket) - 0.5) * logGrowth)
    }
}
