public import DeployCore
public import TrafficJudgement

/// Where the traffic's numbers come from, per environment.
///
/// `open` once, `collect` about once a second, `close` once. Missing or impossible values are errors, never zeros.
public protocol MetricsSource: Sendable {
    /// As people know it: `haproxy /run/haproxy/admin.sock`.
    var name: String { get }

    func open() async throws(MetricsError)
    /// What happened since the last call (or since `open`).
    func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample]
    /// What the latest figures lack, for a person: `12 of 5000 log lines were lost`; `nil` when nothing is
    /// known to be missing.
    func shortfall() async -> String?
    func close() async
}

extension MetricsSource {
    public func shortfall() async -> String? { nil }
}

/// A number that is read as it is now, such as a JSON field of the candidate's metrics endpoint.
public protocol Gauge: Sendable {
    var name: String { get }
    /// How long a reading stands: reading again before gives the same value, which is no new evidence.
    var every: Span { get }
    func read() async throws(MetricsError) -> Double
}

extension Gauge {
    public var every: Span { .zero }
}

public enum MetricsError: Error, Hashable, Sendable {
    /// No value this time: not reachable, late, missing, not a number.
    case noEvidence(String)
    /// It can never work: no permission, wrong path.
    case unusable(String)
}
