/// As the reference vectors and `bgdeploy judge` write it: `g` is the candidate, `b` the stable arm.
///
/// A count or an arm that is missing or `null` is zero; `timed` is then `n`.
extension Tick: Codable {
    private enum Key: String, CodingKey {
        case start = "t"
        case step, steps
        case share = "w"
        case candidate = "g"
        case stable = "b"

        /// Each arm is slow by a measure of its own.
        var slow: CountKey { self == .candidate ? .candidateSlow : .stableSlow }
    }

    private enum CountKey: String, CodingKey {
        case requests = "n"
        case errors = "err"
        case timed
        case candidateSlow = "over1"
        case stableSlow = "over"
        case verySlow = "over2"
        case handshakes = "ws_n"
        case failedHandshakes = "ws_bad"
        case exceptions = "exc"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        do throws(any Error) {
            try self.init(
                start: container.decode(Double.self, forKey: .start),
                step: container.decode(Int.self, forKey: .step),
                of: container.decode(Int.self, forKey: .steps),
                share: container.decode(Double.self, forKey: .share),
                candidate: Self.arm(.candidate, in: container),
                stable: Self.arm(.stable, in: container)
            )
        } catch let error as TickError {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: error.description)
            )
        }
    }

    private static func arm(_ key: Key, in container: KeyedDecodingContainer<Key>) throws -> Arm {
        guard container.contains(key), try !container.decodeNil(forKey: key) else { return .silent }
        let counts = try container.nestedContainer(keyedBy: CountKey.self, forKey: key)
        func count(_ key: CountKey) throws -> Int { try counts.decodeIfPresent(Int.self, forKey: key) ?? 0 }
        return try Arm(
            requests: count(.requests),
            errors: count(.errors),
            timed: counts.decodeIfPresent(Int.self, forKey: .timed),
            slow: count(key.slow),
            verySlow: key == .candidate ? count(.verySlow) : 0,
            handshakes: count(.handshakes),
            failedHandshakes: count(.failedHandshakes),
            exceptions: count(.exceptions)
        )
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(start, forKey: .start)
        try container.encode(step, forKey: .step)
        try container.encode(steps, forKey: .steps)
        try container.encode(share, forKey: .share)
        try Self.encode(candidate, .candidate, in: &container)
        try Self.encode(stable, .stable, in: &container)
    }

    private static func encode(
        _ arm: Arm,
        _ key: Key,
        in container: inout KeyedEncodingContainer<Key>
    ) throws {
        var counts = container.nestedContainer(keyedBy: CountKey.self, forKey: key)
        try counts.encode(arm.requests, forKey: .requests)
        try counts.encode(arm.errors, forKey: .errors)
        if arm.timed != arm.requests { try counts.encode(arm.timed, forKey: .timed) }
        try counts.encode(arm.slow, forKey: key.slow)
        if key == .candidate { try counts.encode(arm.verySlow, forKey: .verySlow) }
        try counts.encode(arm.handshakes, forKey: .handshakes)
        try counts.encode(arm.failedHandshakes, forKey: .failedHandshakes)
        try counts.encode(arm.exceptions, forKey: .exceptions)
    }
}
