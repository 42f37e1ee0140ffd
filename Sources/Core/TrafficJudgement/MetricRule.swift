/// One metric of a watch, and what a broken limit of it means.
public struct MetricRule: Hashable, Sendable {
    public enum Metric: Hashable, Sendable {
        /// Errors per request, 0 through 1.
        case errorRate
        /// In milliseconds.
        case latencyP95
        /// In milliseconds.
        case latencyP99
        /// A number that a caller reads; the name is the rule's key in ``TrafficTick/gauges``.
        case gauge(String)
    }

    /// Why a condition says nothing about its metric.
    public struct Mismatch: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// As the playbook calls it: `error_rate`, `db_latency`.
    public let name: String
    public let metric: Metric
    /// Back at once.
    public let instant: Condition?
    /// Back by steps.
    public let gradual: Condition?
    /// A remark, nothing more.
    public let warn: Condition?
    /// Whether a watch without a measurement of it is short of evidence.
    ///
    /// Off for default rules that not every source can answer.
    public let isRequired: Bool

    /// Fails when a condition cannot speak about `metric`, such as an error rate over `500ms`.
    public init(
        name: String,
        metric: Metric,
        instant: Condition? = nil,
        gradual: Condition? = nil,
        warn: Condition? = nil,
        isRequired: Bool = true
    ) throws(Mismatch) {
        for condition in [instant, gradual, warn] {
            guard let condition, let reason = Self.mismatch(metric, condition) else { continue }
            throw Mismatch(description: "`\(condition)` does not fit `\(name)`: \(reason)")
        }
        self.init(name, metric, instant, gradual, warn, isRequired)
    }

    private init(
        _ name: String,
        _ metric: Metric,
        _ instant: Condition?,
        _ gradual: Condition?,
        _ warn: Condition?,
        _ isRequired: Bool
    ) {
        self.name = name
        self.metric = metric
        self.instant = instant
        self.gradual = gradual
        self.warn = warn
        self.isRequired = isRequired
    }

    /// The rule without conditions that something else judges.
    func without(instant noInstant: Bool = false, gradual noGradual: Bool = false) -> MetricRule {
        MetricRule(name, metric, noInstant ? nil : instant, noGradual ? nil : gradual, warn, isRequired)
    }

    private static func mismatch(_ metric: Metric, _ condition: Condition) -> String? {
        switch (metric, condition.limit) {
        case (.errorRate, .number), (.errorRate, .milliseconds):
            "an error rate is limited by a percentage such as `> 5%` or by `> 1.5x stable`"
        case (.latencyP95, .share), (.latencyP99, .share):
            "a latency is limited by a duration such as `> 500ms` or by `> 1.5x stable`"
        case (.gauge, .timesStable):
            "the value is read from the candidate only; compare it with `x before` or with a number"
        default: nil
        }
    }

    // MARK: defaults

    /// More than 5 % errors: back at once.
    public static let errorRate = MetricRule(
        "error_rate",
        .errorRate,
        Condition(.above, .share(0.05), written: "> 5%"),
        nil,
        nil,
        true
    )

    /// Half as slow again as the stable environment: back by steps.
    ///
    /// Judged where the source knows durations.
    public static let latencyP95 = MetricRule(
        "latency_p95",
        .latencyP95,
        nil,
        Condition(.above, .timesStable(1.5), written: "> 1.5x stable"),
        nil,
        false
    )

    public static let defaults = [errorRate, latencyP95]
}
