/// A checkpoint is the encoded monitor, some 12 kB of JSON; it contains no infinity and no NaN.
extension Monitor: Codable {
    private enum Key: String, CodingKey {
        case configuration, evidence, started, streaks, pairings, step, traffic, blamed
    }

    /// Fails on a checkpoint that no monitor can have written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        configuration = try container.decode(Configuration.self, forKey: .configuration)
        evidence = try container.decode(PerMetric<EProcess>.self, forKey: .evidence)
        started = try container.decode(PerMetric<Bool>.self, forKey: .started)
        streaks = try container.decode(PerMetric<Double>.self, forKey: .streaks)
        pairings = try container.decode(Pairings.self, forKey: .pairings)
        step = try container.decodeIfPresent(Step.self, forKey: .step)
        let counts = try container.decode(Traffic.Checkpoint.self, forKey: .traffic)
        traffic = Traffic(configuration, restoring: counts)
        let processes = Metric.allCases.map { evidence[$0] } + (step?.certificates.both ?? [])
        guard processes.allSatisfy({ $0.betCount == LogFactors.stakes.count }) else {
            throw DecodingError.dataCorruptedError(
                forKey: .evidence,
                in: container,
                debugDescription: "\(LogFactors.stakes.count) bets are expected in each e-process"
            )
        }
        guard let name = try container.decodeIfPresent(String.self, forKey: .blamed) else { return }
        guard let metric = Metric(name: name), step != nil else {
            throw DecodingError.dataCorruptedError(
                forKey: .blamed,
                in: container,
                debugDescription: "a metric and a step are expected; found \(name)"
            )
        }
        blamed = metric
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(configuration, forKey: .configuration)
        try container.encode(evidence, forKey: .evidence)
        try container.encode(started, forKey: .started)
        try container.encode(streaks, forKey: .streaks)
        try container.encode(pairings, forKey: .pairings)
        try container.encodeIfPresent(step, forKey: .step)
        try container.encode(traffic.checkpoint, forKey: .traffic)
        try container.encodeIfPresent(blamed?.name, forKey: .blamed)
    }
}

/// Two numbers in a row.
extension Tally: Codable {
    /// Sums of as many ticks as a ring can hold stay within `Int`.
    private static let largest = 100_000_000_000_000

    public init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        self.init(requests: try container.decode(Int.self), events: try container.decode(Int.self))
        guard (0...Self.largest).contains(requests), (0...Self.largest).contains(events) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "counts from 0 to \(Self.largest) are expected; "
                    + "found \(requests) and \(events)"
            )
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(requests)
        try container.encode(events)
    }
}

/// The candidate's tally and the stable arm's in a row.
extension ArmPair: Codable {
    public init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        self.init(candidate: try container.decode(Tally.self), stable: try container.decode(Tally.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(candidate)
        try container.encode(stable)
    }
}

/// Errors, latency, handshakes and exceptions in a row.
extension Traffic.Row: Codable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        errors = try container.decode(ArmPair.self)
        latency = try container.decode(ArmPair.self)
        handshakes = try container.decode(ArmPair.self)
        exceptions = try container.decode(ArmPair.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(errors)
        try container.encode(latency)
        try container.encode(handshakes)
        try container.encode(exceptions)
    }
}
