/// How evidence grows: what is put into play before a tick, and what the tick does to it.
extension Monitor {
    /// Puts parts of the reserves into play, at times that no data can influence.
    mutating func stake(at moment: Moment) {
        for metric in Metric.allCases {
            if moment.judges(metric), !started[metric] {
                evidence[metric].stake(Self.firstStake(of: metric))
                started[metric] = true
            } else if started[metric] {
                evidence[metric].stake(laterStake(of: metric, at: moment))
            }
        }
    }

    /// Half for a fault that is there from the start; what the last step tests has no later step to save for.
    private static func firstStake(of metric: Metric) -> Double {
        switch metric {
        case .baselineErrors, .baselineLatency: 0.8
        case .silence: 0.2
        default: 0.5
        }
    }

    /// For a fault that begins with a later step, 0.3 in all; for one that begins in between, the rest.
    private func laterStake(of metric: Metric, at moment: Moment) -> Double {
        let beginsStep = metric == .relativeLatency ? moment.beginsLatency : moment.isFirstOfStep
        let forStep = beginsStep && !metric.isBaseline ? 0.3 / Double(max(moment.tick.steps - 1, 1)) : 0
        let (length, mass) =
            metric == .silence ? (configuration.silenceBlock, 0.5) : (configuration.block, 0.2)
        guard moment.beginsBlock(of: length, tick: configuration.tick) else { return forStep }
        return forStep + mass / (2 * (configuration.horizon / length).rounded(.up))
    }

    /// Multiplies evidence and certificates by what the tick showed.
    ///
    /// Limits that are taken from the stable arm know the ticks before this one only.
    mutating func bet(on moment: Moment, certifying certificates: inout Certificates<EProcess>) {
        let tick = moment.tick
        if let pair = paired(tick.errors, \.errors) {
            bet(.relativeErrors, pair, configuration.errors.tolerance)
            certificates.errors.multiply(by: LogFactors.good(pair, within: configuration.certificate))
        }
        bet(.absoluteErrors, tick.errors.candidate, above: configuration.errorLimit)
        if tick.isLastStep {
            bet(.baselineErrors, tick.errors.candidate, above: baselineLimit)
        }
        if moment.judgesLatency { betOnLatency(tick, &certificates.latency) }
        if let pair = paired(tick.handshakes, \.handshakes) {
            bet(.webSockets, pair, configuration.webSockets.tolerance)
        }
        if let pair = paired(tick.exceptions, \.exceptions) {
            bet(.exceptions, pair, configuration.exceptions.tolerance)
        }
        if moment.judgesSilence { betOnSilence(tick) }
    }

    private mutating func bet(_ metric: Metric, _ pair: ArmPair, _ tolerance: Tolerance) {
        evidence[metric].multiply(
            by: LogFactors.worse(pair, than: tolerance, clustering: configuration.clustering)
        )
    }

    private mutating func bet(_ metric: Metric, _ tally: Tally, above limit: Double) {
        evidence[metric].multiply(
            by: LogFactors.above(limit, tally, clustering: configuration.clustering)
        )
    }

    private mutating func betOnLatency(_ tick: Tick, _ certificate: inout EProcess) {
        if let pair = paired(tick.slow, \.latency) {
            evidence[.relativeLatency].multiply(by: LogFactors.worse(pair, than: configuration.latency))
        }
        // The margin is in what counts as slow: 1.40 τ against τ.
        let noMargin = Tolerance(ratio: 1, margin: 0)
        certificate.multiply(by: LogFactors.good(tick.verySlow, within: noMargin))
        if tick.isLastStep {
            evidence[.baselineLatency].multiply(
                by: LogFactors.above(configuration.slowLimit, tick.verySlow.candidate)
            )
        }
    }

    /// Of all requests, the stable arm should answer 1 − share; more means that the candidate's go astray.
    private mutating func betOnSilence(_ tick: Tick) {
        let answers = tick.candidate.requests + tick.stable.requests
        evidence[.silence].multiply(
            by: LogFactors.above(
                1 - configuration.silenceFraction * tick.share,
                Tally(requests: answers, events: tick.stable.requests)
            )
        )
    }

    private mutating func paired(
        _ pair: ArmPair,
        _ kind: WritableKeyPath<Pairings, Pairing>
    ) -> ArmPair? {
        pairings[keyPath: kind].add(
            pair,
            seconds: configuration.tick,
            longest: configuration.longestPairing
        )
    }

    /// The error rate that the last step allows: twice what the stable arm had at most, and a margin.
    ///
    /// Three times without a control at the same moment; never above the fixed limit. "At most" is the upper
    /// rate of the whole run, or of the last five minutes where that is larger.
    private var baselineLimit: Double {
        let hasControl = traffic.window.errors.stable.requests >= Configuration.controlRequests
        var highest = traffic.stableEver.upperRate
        if hasControl, traffic.stableLately.requests >= 1000 {
            highest = max(highest, traffic.stableLately.upperRate)
        }
        return min((hasControl ? 2 : 3) * highest + 0.005, configuration.errorLimit)
    }
}
