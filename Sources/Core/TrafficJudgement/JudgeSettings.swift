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
    /// How grave errors and slowness are, the gravest first.
    public var severities: [Severity] = []

    public init() {}
}

/// A name for error rates and for slowness, such as `P1` for `> 3%` or `> 1.5x stable`: either is enough.
public struct Severity: Hashable, Sendable {
    public let name: String
    /// Of the candidate's error rate.
    public let errors: Condition?
    /// Of the candidate's p95, as a multiple of the stable environment's at the same time.
    public let latency: Condition?

    public init(name: String, errors: Condition? = nil, latency: Condition? = nil) {
        self.name = name
        self.errors = errors
        self.latency = latency
    }

    func fits(_ errorRate: Double?, _ slowdown: Double?) -> Bool {
        if let errors, let errorRate, errors.evaluate(errorRate) == .met { return true }
        guard let latency, let slowdown else { return false }
        return latency.evaluate(slowdown, stable: 1) == .met
    }
}

extension [Severity] {
    /// The first that `errorRate`, 0 through 1, or `slowdown` fits; `nil` is what is not known.
    public func first(for errorRate: Double?, slowdown: Double? = nil) -> String? {
        first { $0.fits(errorRate, slowdown) }?.name
    }
}
