/// Request durations in buckets that grow by a fixed factor, so that histograms of many seconds add up.
///
/// 24 buckets per octave from 0.1 ms to half an hour: a percentile is at most 2.1 % off. Only the range of
/// buckets that is in use is kept, some hundreds of bytes.
public struct LatencyHistogram: Hashable, Sendable {
    /// The bucket of `counts[0]`.
    private var lowest = 0
    /// First and last are never zero, so that equal contents are equal values.
    private var counts: [Int] = []
    /// How many durations were added.
    public private(set) var count = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// A duration that is negative or not a finite number is left out.
    public mutating func add(milliseconds: Double) {
        guard milliseconds.isFinite, milliseconds >= 0 else { return }
        let bucket = Self.bucket(of: milliseconds)
        extend(to: bucket...bucket)
        counts[bucket - lowest] += 1
        count += 1
    }

    public static func += (left: inout Self, right: Self) {
        guard !right.isEmpty else { return }
        left.extend(to: right.lowest...(right.lowest + right.counts.count - 1))
        for (index, added) in right.counts.enumerated() {
            left.counts[right.lowest + index - left.lowest] += added
        }
        left.count += right.count
    }

    /// Milliseconds that `share` (0 through 1) of the requests did not exceed; `nil` when empty.
    public func percentile(_ share: Double) -> Double? {
        guard !isEmpty else { return nil }
        let rank = max(1, Int((min(max(share, 0), 1) * Double(count)).rounded(.up)))
        var seen = 0
        for (index, number) in counts.enumerated() {
            seen += number
            if seen >= rank { return Self.middle(of: lowest + index) }
        }
        return nil
    }

    /// The middle of each bucket in use, in milliseconds, and how many requests it has; rising.
    var durations: some Sequence<(milliseconds: Double, count: Int)> {
        counts.indices.lazy.filter { counts[$0] > 0 }.map { index in
            (Self.middle(of: lowest + index), counts[index])
        }
    }

    /// How many took longer than `milliseconds`, to a bucket.
    func count(above milliseconds: Double) -> Int {
        durations.reduce(0) { $0 + ($1.milliseconds > milliseconds ? $1.count : 0) }
    }

    // MARK: buckets

    private static let perOctave = 24
    private static let smallest = 0.1
    private static let octaves = 24

    /// Bucket 0 is everything under 0.1 ms; an octave is cut into equal parts, which needs no logarithm.
    private static func bucket(of milliseconds: Double) -> Int {
        let scaled = milliseconds / smallest
        guard scaled >= 1 else { return 0 }
        let octave = Int(scaled.exponent)
        guard octave < octaves else { return octaves * perOctave }
        return 1 + octave * perOctave + Int((scaled.significand - 1) * Double(perOctave))
    }

    private static func middle(of bucket: Int) -> Double {
        guard bucket > 0 else { return smallest / 2 }
        let (octave, part) = (bucket - 1).quotientAndRemainder(dividingBy: perOctave)
        let fraction = 1 + (Double(part) + 0.5) / Double(perOctave)
        return smallest * fraction * Double(1 << octave)
    }

    private mutating func extend(to range: ClosedRange<Int>) {
        guard !counts.isEmpty else {
            lowest = range.lowerBound
            counts = [Int](repeating: 0, count: range.count)
            return
        }
        if range.lowerBound < lowest {
            counts.insert(contentsOf: repeatElement(0, count: lowest - range.lowerBound), at: 0)
            lowest = range.lowerBound
        }
        let missing = range.upperBound - (lowest + counts.count - 1)
        if missing > 0 { counts.append(contentsOf: repeatElement(0, count: missing)) }
    }
}

/// As it comes from another host: the range of buckets in use.
extension LatencyHistogram: Codable {
    private enum CodingKeys: String, CodingKey {
        case lowest, counts
    }

    /// Refuses what no histogram of ours can be.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let lowest = try container.decode(Int.self, forKey: .lowest)
        let counts = try container.decode([Int].self, forKey: .counts)
        let buckets = Self.octaves * Self.perOctave + 1
        guard (0..<buckets).contains(lowest), counts.count <= buckets - lowest,
            counts.allSatisfy({ (0...(1 << 40)).contains($0) }), counts.first != 0, counts.last != 0
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts,
                in: container,
                debugDescription: "no histogram of durations"
            )
        }
        (self.lowest, self.counts) = (counts.isEmpty ? 0 : lowest, counts)
        count = counts.reduce(0, +)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(lowest, forKey: .lowest)
        try container.encode(counts, forKey: .counts)
    }
}
