/// How the candidate of a run is judged beside the limits of its rules.
public struct JudgeSettings: Hashable, Sendable {
    /// The probability of rolling back a candidate that is no worse, for the whole run.
    public var alpha = 0.01
    /// φ: how errors cluster, E[S²]/E[S] of the sizes of groups of errors that come together; 1 or more.
    public var clustering = 1.0
    /// Whether every request is routed by itself; not with sticky or chosen users.
    public var routesEachRequest = true
    /// Whether the candidate is compared with the stable environment of the same moment.
    public var compares = true
    /// Whether a hold may end before its time when the candidate is clearly good.
    public var endsEarly = false
    /// Whether a hold that ends without enough evidence that the candidate is good waits for a person.
    public var requiresEvidence = false
    /// Whether what would be a rollback is only told.
    public var isDryRun = false
    /// How grave an error rate is, the gravest first.
    public var severities: [Severity] = []

    public init() {}
}

/// A name for error rates, such as `P1` for `> 3%`.
public struct Severity: Hashable, Sendable {
    public let name: String
    public let condition: Condition

    public init(name: String, condition: Condition) {
        self.name = name
        self.condition = condition
    }
}

extension [Severity] {
    /// The first whose condition `errorRate`, 0 through 1, meets.
    public func first(for errorRate: Double) -> String? {
        first { $0.condition.evaluate(errorRate) == .met }?.name
    }
}
