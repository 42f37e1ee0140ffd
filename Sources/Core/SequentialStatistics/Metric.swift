/// What is tested about a candidate; in the order in which a rollback is blamed on them.
public enum Metric: Int, CaseIterable, Hashable, Sendable {
    /// More server errors than on the stable arm.
    case relativeErrors
    /// More server errors than the fixed limit.
    case absoluteErrors
    /// In the last step: more server errors than the stable arm ever had.
    case baselineErrors
    /// A larger part slower than 1.25 τ than of the stable arm slower than τ, its 95th percentile.
    case relativeLatency
    /// In the last step: too large a part slower than 1.40 τ.
    case baselineLatency
    /// More failed WebSocket handshakes than on the stable arm.
    case webSockets
    /// More exceptions than on the stable arm.
    case exceptions
    /// The candidate answers less than the share that it is sent.
    case silence

    /// As configurations, verdicts and checkpoints write it.
    public var name: String {
        switch self {
        case .relativeErrors: "err_rel"
        case .absoluteErrors: "err_abs"
        case .baselineErrors: "err_base"
        case .relativeLatency: "lat_rel"
        case .baselineLatency: "lat_base"
        case .webSockets: "ws_rel"
        case .exceptions: "exc_rel"
        case .silence: "alive"
        }
    }

    public init?(name: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// The way back when this metric is over its threshold.
    public var rollbackMode: RollbackMode {
        switch self {
        case .relativeErrors, .absoluteErrors, .baselineErrors, .webSockets, .silence: .instant
        case .relativeLatency, .baselineLatency, .exceptions: .gradual
        }
    }

    /// Whether it is tested in the last step only.
    var isBaseline: Bool { self == .baselineErrors || self == .baselineLatency }
}

public enum RollbackMode: String, Hashable, Sendable {
    case instant
    case gradual
}

/// A value for each metric.
public struct PerMetric<Value> {
    /// In the order of `Metric.allCases`.
    private var values: [Value]

    public init(_ value: (Metric) throws -> Value) rethrows { values = try Metric.allCases.map(value) }

    public subscript(metric: Metric) -> Value {
        get { values[metric.rawValue] }
        set { values[metric.rawValue] = newValue }
    }
}

extension PerMetric: Sendable where Value: Sendable {}
extension PerMetric: Equatable where Value: Equatable {}
extension PerMetric: Hashable where Value: Hashable {}

/// Written with the metrics' names as keys.
extension PerMetric: Codable where Value: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: NameKey.self)
        try self.init { try container.decode(Value.self, forKey: NameKey($0.name)) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: NameKey.self)
        for metric in Metric.allCases { try container.encode(self[metric], forKey: NameKey(metric.name)) }
    }
}

/// A key that is known by its text only.
struct NameKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
