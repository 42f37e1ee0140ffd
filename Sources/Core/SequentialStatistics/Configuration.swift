/// How a monitor judges; times are in seconds, rates are events per request.
///
/// The defaults are those of the reference implementation, whose vectors the tests hold. They were tuned on
/// simulated runs with 1 to 5,000 requests a second (`make simulate` repeats such runs), not on real traffic.
/// What a default rests on stands beside it; where nothing does, it is what people mean by the word.
/// ``set(_:to:)`` and decoding take the names of the reference and check the range.
public struct Configuration: Hashable, Sendable {
    /// A comparison with the stable arm, and how large the effect must look besides.
    public struct Comparison: Hashable, Sendable {
        /// Up to this the candidate counts as good.
        public var tolerance: Tolerance
        /// The least that must be *observed* for a rollback, however sure it is that the tolerance is
        /// exceeded.
        public var effect: Tolerance
    }

    // MARK: errors of judgement

    /// The probability of rolling back a good candidate, for the whole run: one in a hundred.
    ///
    /// Evidence carries over from step to step, so that it is not divided among them.
    public var alpha = 0.01
    /// The parts of `alpha` by metric; together at most 1.
    ///
    /// Zero turns a metric off. A large part for what finds most, errors against the stable arm.
    public var shares = PerMetric<Double>(Self.defaultShare)
    /// The probability of certifying a candidate that is worse than `certificate` allows, for each step.
    ///
    /// Larger than `alpha`: what is promoted wrongly is still watched. Both certificates must agree, so that
    /// it is not divided between them.
    public var beta = 0.05

    // MARK: comparisons

    /// A quarter more errors, or 0.05 %: what two equal arms differ by in practice.
    public var errors = Comparison(
        tolerance: Tolerance(ratio: 1.25, margin: 0.0005),
        effect: Tolerance(ratio: 1.5, margin: 0.001)
    )
    /// Wider than for errors: handshakes are few, and clients that reconnect fail for reasons of their own.
    public var webSockets = Comparison(
        tolerance: Tolerance(ratio: 1.25, margin: 0.01),
        effect: Tolerance(ratio: 1.5, margin: 0.02)
    )
    /// Wider than for errors: a new version logs differently, and not every exception is seen by a user.
    public var exceptions = Comparison(
        tolerance: Tolerance(ratio: 1.5, margin: 0.001),
        effect: Tolerance(ratio: 2, margin: 0.002)
    )
    /// Of requests that are slow by an arm's own measure: 1.25 τ for the candidate, τ for the stable arm.
    ///
    /// So the 95th percentile may be a quarter longer; the margin is for what a lagging τ is off by.
    public var latency = Tolerance(ratio: 1, margin: 0.005)
    /// What a candidate must be shown to stay below before a step is promoted early.
    ///
    /// A fault of 0.3 % is within it: to exclude that would take more traffic than most steps have.
    public var certificate = Tolerance(ratio: 1.5, margin: 0.005)
    /// φ: E[S²]/E[S] of the sizes of groups of errors that come together.
    ///
    /// 1 holds where requests fail one by one. Behind sticky routing the true value must be given: with a
    /// mean group of 2, φ = 1 rolled back 6.5 % of good candidates.
    public var clustering = 1.0

    // MARK: limits

    /// The fixed limit of the error rate, as the playbook's `> 5%`.
    public var errorLimit = 0.05
    /// The part slower than 1.40 τ that the last step allows.
    public var slowLimit = 0.08
    /// The part of the stable arm that is slower than its own 95th percentile.
    public var tailShare = 0.05
    /// A candidate that answers less than this part of its share is silent.
    public var silenceFraction = 0.5
    /// Whether each request is routed by itself; without that, the arms' shares say nothing about silence.
    public var routesEachRequest = true

    // MARK: times

    /// The length of a tick.
    public var tick = 1.0
    /// A cold candidate is slow: latency is not judged in the first part of a step.
    ///
    /// 30 rather than 10: a warm-up of three times the latency was rolled back.
    public var latencySettles = 30.0
    /// The balancer needs a moment to take up a new share.
    public var silenceSettles = 5.0
    /// The least time in a step before it is promoted early.
    public var shortestDwell = 60.0
    /// After so long in a step the verdict is that there is none.
    public var longestDwell = 600.0
    /// An arm that is silent for so long where ten requests were expected sends no data.
    public var noDataAfter = 15.0
    /// A tick that has waited so long for the other arm's requests is dropped.
    public var longestPairing = 30.0

    // MARK: gates

    /// A metric must be over its threshold for so long.
    public var confirmation = 2.0
    /// Evidence that exceeds the threshold e-fold this often needs no confirmation.
    public var decisive = 5.0
    /// What the effect and the common cause are observed in: long enough for a rate, short enough to be now.
    public var window = 60.0
    /// With fewer of the candidate's requests in the window, the whole step is taken instead.
    public var windowRequests = 200.0
    /// A candidate that was clean for so long has recovered.
    public var recovery = 3.0

    // MARK: restarts

    /// How long a run takes; twice that is provided for.
    public var horizon = 1500.0
    /// How often a part of the reserve is put into play.
    public var block = 30.0
    /// The same for silence, which must be found sooner.
    public var silenceBlock = 5.0

    public init() {}

    private static func defaultShare(of metric: Metric) -> Double {
        switch metric {
        case .relativeErrors: 0.35
        case .absoluteErrors: 0.10
        case .baselineErrors, .baselineLatency, .silence: 0.05
        case .relativeLatency: 0.25
        case .webSockets: 0.08
        case .exceptions: 0.07
        }
    }

    /// ln 1/(α·share): a metric whose evidence reaches it is over its threshold.
    public func threshold(of metric: Metric) -> Double { -Natural.log(alpha * shares[metric]) }

    /// ln 1/β: both certificates must reach it.
    public var certificateThreshold: Double { -Natural.log(beta) }

    /// ln 20: how sure it must be that the candidate is worse, before a limit that both arms may break
    /// counts.
    static let commonCauseThreshold = Natural.log(20)
    /// The stable arm's error rate of so many seconds counts besides that of the whole run.
    static let stableWindow = 300.0
    /// With fewer requests of the stable arm in the window there is no control.
    static let controlRequests = 20
}
