/// What a monitor says after a tick.
public enum Verdict: Hashable, Sendable {
    /// Too little is known to decide.
    case goOn
    /// Neither forward nor back: the share stays as it is.
    case hold(HoldReason)
    /// The step may end early: the candidate is good enough, with an error of at most β.
    case promote
    /// The step has lasted for the longest time without a decision.
    case inconclusive
    /// Back, because of this metric, by its ``Metric/rollbackMode``. Nothing changes it any more.
    case rollBack(Metric)
}

/// Why a monitor waits.
public enum HoldReason: Hashable, Sendable {
    /// A metric is over its threshold, but a rollback because of it would be wrong or would not help.
    case objection(Objection, to: Metric)
    /// An arm does not answer, so that there is nothing to compare.
    case noData(SilentArm)
}

/// Why a metric over its threshold does not lead to a rollback.
public enum Objection: String, Hashable, Sendable {
    /// What was observed lately is smaller than what a rollback is worth.
    case belowEffect = "below-effect"
    /// The last seconds were clean.
    case recovered
    /// The stable arm is there and does not do better.
    case commonCause = "common-cause"
}

public enum SilentArm: Hashable, Sendable, CaseIterable {
    case candidate
    case stable
    case both
}

/// A verdict and the evidence that it rests on.
public struct Judgement: Hashable, Sendable {
    public let verdict: Verdict
    /// ln of the evidence that the candidate is bad; what it is compared with:
    /// ``Configuration/threshold(of:)``.
    public let evidence: PerMetric<Double>
    /// ln of the evidence that the candidate is good in this step.
    public let certificates: Certificates<Double>

    /// Of so many runs whose candidate is no worse, at most one ever shows as much evidence by `metric`.
    public func odds(against metric: Metric) -> Double { Natural.exp(evidence[metric]) }
}

/// A value for each of the two certificates that a promotion needs.
public struct Certificates<Value> {
    public var errors: Value
    public var latency: Value

    var both: [Value] { [errors, latency] }
}

extension Certificates: Sendable where Value: Sendable {}
extension Certificates: Equatable where Value: Equatable {}
extension Certificates: Hashable where Value: Hashable {}

extension Certificates: Codable where Value: Codable {
    private enum CodingKeys: String, CodingKey {
        case errors = "err"
        case latency = "lat"
    }
}

/// As `bgdeploy judge` and the reference vectors write it; the arms are `green` and `blue` there.
extension Judgement: Encodable {
    private enum Key: String, CodingKey {
        case verdict, cause, mode
        case evidence = "ln"
        case certificates = "cert"
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(verdict.cause, forKey: .cause)
        try container.encode(verdict.rollbackMode?.rawValue, forKey: .mode)
        try container.encode(evidence, forKey: .evidence)
        try container.encode(certificates, forKey: .certificates)
    }
}

extension Verdict {
    /// `CONTINUE`, `HOLD`, `PROMOTE`, `INCONCLUSIVE` or `ROLLBACK`.
    public var name: String {
        switch self {
        case .goOn: "CONTINUE"
        case .hold: "HOLD"
        case .promote: "PROMOTE"
        case .inconclusive: "INCONCLUSIVE"
        case .rollBack: "ROLLBACK"
        }
    }

    /// The metric that stands behind it, and what was objected: `err_abs:common-cause`, `no-data:blue`.
    public var cause: String? {
        switch self {
        case .goOn, .promote, .inconclusive: nil
        case .rollBack(let metric): metric.name
        case .hold(.objection(let objection, let metric)): "\(metric.name):\(objection.rawValue)"
        case .hold(.noData(.candidate)): "no-data:green"
        case .hold(.noData(.stable)): "no-data:blue"
        case .hold(.noData(.both)): "no-data:all"
        }
    }

    public var rollbackMode: RollbackMode? {
        guard case .rollBack(let metric) = self else { return nil }
        return metric.rollbackMode
    }
}
