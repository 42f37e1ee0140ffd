/// What became known in one tick of a watch, about one second.
public struct TrafficTick: Hashable, Sendable {
    public enum Traffic: Hashable, Sendable {
        case measured(stable: TrafficSample, candidate: TrafficSample)
        /// The source gave nothing; the reason for a person.
        case noEvidence(String)
    }

    public enum Reading: Hashable, Sendable {
        case value(Double)
        /// The gauge gave nothing; the reason for a person.
        case noEvidence(String)
    }

    public var traffic: Traffic
    /// By the name in ``MetricRule/Metric/gauge(_:)``; what was not due in this tick is not there.
    public var gauges: [String: Reading]
    /// The time since the tick before.
    public var seconds: Double

    public init(_ traffic: Traffic, gauges: [String: Reading] = [:], seconds: Double = 1) {
        self.traffic = traffic
        self.gauges = gauges
        self.seconds = seconds
    }
}

/// What the judge says after one tick.
public struct Judgement: Hashable, Sendable {
    public enum Decision: Hashable, Sendable {
        /// Nothing speaks against the candidate, or there is too little to tell.
        case fine
        case rollBack(String)
        case rollBackGradually(String)
        /// Neither forward nor back while it lasts.
        case hold(String)
        /// The watch may end before its time: the candidate is good.
        case endEarly(String)

        var isRollback: Bool {
            switch self {
            case .rollBack, .rollBackGradually: true
            case .fine, .hold, .endEarly: false
            }
        }

        var reason: String? {
            switch self {
            case .fine: nil
            case .rollBack(let reason), .rollBackGradually(let reason), .hold(let reason),
                .endEarly(let reason):
                reason
            }
        }
    }

    public var decision: Decision
    /// What a person should know; each is given when it begins, not again while it lasts.
    public var remarks: [String]

    public init(_ decision: Decision = .fine, remarks: [String] = []) {
        self.decision = decision
        self.remarks = remarks
    }
}

/// How much must be seen before a limit is judged.
public struct EvidenceNeeds: Hashable, Sendable {
    /// Ticks in the short window.
    public var windowTicks = 10
    /// Candidate requests before an error rate is judged.
    public var requests = 20
    /// So many errors are judged before that, if they are at least half of the requests.
    ///
    /// A rate that is compared with another measurement always needs them.
    public var errors = 5
    /// Durations on each side of a latency comparison.
    public var durations = 50
    /// Ticks in a row that a latency or a gradual limit must be broken.
    public var lasting = 5
    /// Readings in a row that an instant limit of a gauge must be broken.
    public var readings = 2
    /// Smaller differences in latency are nobody's fault.
    public var latencyFloor = 5.0
    /// A candidate's error rate under this multiple of the stable one has a common cause.
    public var commonCauseRatio = 1.5

    public init() {}
}
