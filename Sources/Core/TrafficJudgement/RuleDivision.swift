import SequentialStatistics

/// Which of a playbook's rules the evidence judges, and which stay limits.
///
/// Evidence takes over a fixed limit of the error rate (`instant: > 5%`) and a 95th percentile beside the
/// stable environment's (`gradual: > 1.5x stable`).
struct RuleDivision {
    var configuration = Configuration()
    var latency = LatencyFactors(limit: 1.5)
    /// What is left for ``TrafficJudge``.
    var limits: [MetricRule] = []

    init(_ rules: [MetricRule], _ settings: JudgeSettings) {
        configuration.alpha = settings.alpha
        configuration.clustering = settings.clustering
        configuration.routesEachRequest = settings.routesEachRequest
        var errorLimit: Double?
        var latencyFactor: Double?
        for rule in rules {
            switch (rule.metric, rule.instant?.upperLimit, rule.gradual?.upperLimit) {
            case (.errorRate, .share(let limit), _) where limit > 0 && limit < 1:
                errorLimit = limit
                limits.append(rule.without(instant: true))
            case (.latencyP95, _, .timesStable(let factor)) where factor > 1:
                latencyFactor = factor
                limits.append(rule.without(gradual: true))
            default: limits.append(rule)
            }
        }
        configuration.errorLimit = errorLimit ?? 1
        if errorLimit == nil { configuration.shares[.absoluteErrors] = 0 }
        if let latencyFactor {
            latency = LatencyFactors(limit: latencyFactor)
        } else {
            configuration.shares[.relativeLatency] = 0
            configuration.shares[.baselineLatency] = 0
        }
        guard !settings.compares else { return }
        for metric in [Metric.relativeErrors, .baselineErrors, .relativeLatency, .baselineLatency, .silence] {
            configuration.shares[metric] = 0
        }
    }
}

/// What is slow, as multiples of the stable environment's 95th percentile.
///
/// A limit of 1.5 times it means, as everywhere in the method: sure that it is longer by half as much (1.25),
/// and observed to be longer by four fifths (1.40).
struct LatencyFactors: Hashable, Sendable {
    private let tolerance: Double
    private let effect: Double
    /// Smaller differences, in milliseconds, are nobody's fault.
    private static let floor = 5.0

    init(limit: Double) {
        tolerance = 1 + (limit - 1) * 0.5
        effect = 1 + (limit - 1) * 0.8
    }

    func slow(than tail: Double) -> Double { max(tail * tolerance, tail + Self.floor) }
    func verySlow(than tail: Double) -> Double { max(tail * effect, tail + Self.floor) }

    /// `1.25x`.
    var words: String { "\(Figure.plain(tolerance))x" }
}

extension Condition {
    /// The limit that must not be exceeded; `nil` for one that must be reached.
    fileprivate var upperLimit: Limit? { relation == .above || relation == .atLeast ? limit : nil }
}
