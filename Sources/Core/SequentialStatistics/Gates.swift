/// What must hold besides the evidence before a rollback; each gate can only make rollbacks rarer.
struct Gates {
    private let configuration: Configuration
    private let traffic: Traffic
    private let evidence: PerMetric<Double>
    private let hasRecoveredFromErrors: Bool
    private let hasRecoveredFromLatency: Bool

    init(_ configuration: Configuration, _ traffic: Traffic, _ evidence: PerMetric<Double>) {
        self.configuration = configuration
        self.traffic = traffic
        self.evidence = evidence
        let lately = traffic.latest(ticks: configuration.ticks(in: configuration.recovery))
        let tolerance = configuration.errors.tolerance
        hasRecoveredFromErrors = Self.hasRecovered(
            lately.errors,
            before: traffic.window.errors,
            allowed: tolerance.ratio * lately.errors.stable.rate + tolerance.margin
        )
        let tail = lately.latency.stable
        hasRecoveredFromLatency = Self.hasRecovered(
            lately.latency,
            before: traffic.window.latency,
            allowed: tail.requests > 0 ? tail.rate : configuration.tailShare
        )
    }

    /// Why there must be no rollback because of `metric`; `nil` when nothing speaks against it.
    func objection(to metric: Metric) -> Objection? {
        switch metric {
        case .relativeErrors:
            if hasRecoveredFromErrors { return .recovered }
            return hasEffect(\.errors, configuration.errors.effect) ? nil : .belowEffect
        case .absoluteErrors, .baselineErrors:
            if isCommon(\.errors, .relativeErrors) { return .commonCause }
            return hasRecoveredFromErrors ? .recovered : nil
        case .relativeLatency:
            if hasRecoveredFromLatency { return .recovered }
            return isVerySlow ? nil : .belowEffect
        case .baselineLatency:
            if isCommon(\.latency, .relativeLatency) { return .commonCause }
            return hasRecoveredFromLatency ? .recovered : nil
        case .webSockets: return hasEffect(\.handshakes, configuration.webSockets.effect) ? nil : .belowEffect
        case .exceptions: return hasEffect(\.exceptions, configuration.exceptions.effect) ? nil : .belowEffect
        case .silence: return nil
        }
    }

    /// Clean where three events were to be expected, had it gone on as before.
    private static func hasRecovered(_ lately: ArmPair, before: ArmPair, allowed: Double) -> Bool {
        Double(lately.candidate.requests) * before.candidate.rate >= 3 && lately.candidate.rate <= allowed
    }

    private func hasEffect(_ kind: KeyPath<Traffic.Row, ArmPair>, _ effect: Tolerance) -> Bool {
        let pair = traffic.observed(kind, atLeast: configuration.windowRequests)
        return pair.candidate.rate >= effect.ratio * pair.stable.rate
            && pair.candidate.rate - pair.stable.rate >= effect.margin
    }

    /// Whether the candidate's 95th percentile is observed above 1.40 τ.
    private var isVerySlow: Bool {
        let pair = traffic.observed(\.latency, atLeast: configuration.windowRequests)
        let tail = pair.stable.requests > 0 ? pair.stable.rate : configuration.tailShare
        return pair.candidate.rate >= max(tail, 0.02)
    }

    /// Whether the stable arm is there and the comparison does not say that the candidate is worse.
    private func isCommon(_ kind: KeyPath<Traffic.Row, ArmPair>, _ comparison: Metric) -> Bool {
        traffic.window[keyPath: kind].stable.requests >= Configuration.controlRequests
            && evidence[comparison] < Configuration.commonCauseThreshold
    }
}
