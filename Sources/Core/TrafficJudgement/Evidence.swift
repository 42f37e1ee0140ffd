/// What the evidence says so far, as natural logarithms, beside what it is compared with.
public struct Evidence: Hashable, Sendable {
    public struct Against: Hashable, Sendable {
        /// As configurations and verdicts write it: `err_rel`.
        public let metric: String
        /// ln of the evidence that the candidate is worse.
        public let logEvidence: Double
        /// What `logEvidence` must reach for a rollback.
        public let threshold: Double
    }

    /// Of the metrics that can lead to a rollback, in the order in which one is blamed on them.
    public let against: [Against]
    /// ln of the evidence that the candidate's errors are no more than a promotion allows, in this step.
    public let goodErrors: Double
    /// The same of its latency; `nil` where no durations are known.
    public let goodLatency: Double?
    /// What both must reach for an early end of the step.
    public let goodThreshold: Double

    /// The metric that is nearest to a rollback, and how near, 0 through 1.
    public var worst: (metric: String, part: Double)? {
        let parts = against.map { (metric: $0.metric, part: max(0, min(1, $0.logEvidence / $0.threshold))) }
        return parts.max { $0.part < $1.part }
    }

    /// How near the step is to an early end, 0 through 1.
    public var good: Double {
        max(0, min(1, min(goodErrors, goodLatency ?? .infinity) / goodThreshold))
    }
}
