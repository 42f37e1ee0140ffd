/// Watches a candidate beside the stable arm, tick by tick, and says as early as the evidence allows what to
/// do.
///
/// The probability that a candidate within the tolerances is ever rolled back is at most
/// ``Configuration/alpha`` for the whole run, whatever the number of looks, the shares of the traffic and the
/// drift that both arms have in common. It holds while events are independent (see
/// ``Configuration/clustering``), the arms differ by no more than the tolerances, and a part of the traffic
/// stays on the stable arm.
///
/// The whole state is a value; encoded, it is a checkpoint from which a monitor goes on exactly as it would
/// have. Ticks that are missing in between cost speed, not validity.
public struct Monitor: Hashable, Sendable {
    public let configuration: Configuration
    /// Against "the candidate is no worse", by metric.
    var evidence = PerMetric { _ in EProcess() }
    /// Metrics that have put something into play.
    var started = PerMetric { _ in false }
    /// Seconds for which a metric has been over its threshold without an objection.
    var streaks = PerMetric { _ in 0.0 }
    var pairings = Pairings()
    /// `nil` before the first tick.
    var step: Step?
    var traffic: Traffic
    /// The metric that led to a rollback; nothing is counted after it.
    var blamed: Metric?

    struct Pairings: Hashable, Sendable, Codable {
        var errors = Pairing()
        var latency = Pairing()
        var handshakes = Pairing()
        var exceptions = Pairing()
    }

    /// What begins anew with each step.
    struct Step: Hashable, Sendable, Codable {
        let number: Int
        /// Seconds since the run began.
        let start: Double
        /// Against "the candidate is worse than what a promotion allows".
        var certificates = Certificates(errors: Self.freshCertificate, latency: Self.freshCertificate)

        private static let freshCertificate = {
            var process = EProcess()
            process.stake(1)
            return process
        }()

        var logEvidence: Certificates<Double> {
            Certificates(errors: certificates.errors.logEvidence, latency: certificates.latency.logEvidence)
        }
    }

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        traffic = Traffic(configuration)
    }

    /// Takes a tick in; after a rollback, it only repeats the judgement.
    public mutating func observe(_ tick: Tick) -> Judgement {
        if let last = finalJudgement { return last }
        let isFirstOfStep = step?.number != tick.step
        var current = Step(number: tick.step, start: tick.start)
        if let step, !isFirstOfStep { current = step } else { traffic.beginStep() }

        let moment = Moment(tick, isFirstOfStep, stepStart: current.start, configuration)
        stake(at: moment)
        bet(on: moment, certifying: &current.certificates)
        traffic.add(Traffic.Row(tick, judgesLatency: moment.judgesLatency))
        step = current

        let evidence = logEvidence
        let certificates = current.logEvidence
        let verdict = verdict(at: moment, evidence, certificates)
        if case .rollBack(let metric) = verdict { blamed = metric }
        return Judgement(verdict: verdict, evidence: evidence, certificates: certificates)
    }

    /// The rollback that was decided; `nil` until then.
    public var finalJudgement: Judgement? {
        guard let blamed, let step else { return nil }
        return Judgement(
            verdict: .rollBack(blamed),
            evidence: logEvidence,
            certificates: step.logEvidence
        )
    }

    private var logEvidence: PerMetric<Double> { PerMetric { evidence[$0].logEvidence } }
}
