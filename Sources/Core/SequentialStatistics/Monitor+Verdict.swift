/// How evidence becomes a verdict.
extension Monitor {
    /// The first of these that holds: roll back, hold, promote, inconclusive; else go on.
    mutating func verdict(
        at moment: Moment,
        _ evidence: PerMetric<Double>,
        _ certificates: Certificates<Double>
    ) -> Verdict {
        let gates = Gates(configuration, traffic, evidence)
        var blamed: Metric?
        var reason: HoldReason?
        for metric in Metric.allCases {
            let excess = evidence[metric] - configuration.threshold(of: metric)
            let objection = excess >= 0 ? gates.objection(to: metric) : nil
            guard excess >= 0, objection == nil else {
                streaks[metric] = 0
                if let objection, reason == nil { reason = .objection(objection, to: metric) }
                continue
            }
            streaks[metric] += configuration.tick
            let isConfirmed =
                streaks[metric] >= configuration.confirmation || excess >= configuration.decisive
            if isConfirmed, blamed == nil { blamed = metric }
        }
        if let blamed { return .rollBack(blamed) }
        let spent = moment.elapsed + configuration.tick
        if let reason = reason ?? silentArm(moment.tick, spent: spent).map(HoldReason.noData) {
            return .hold(reason)
        }
        let threshold = configuration.certificateThreshold
        let isGood = certificates.errors >= threshold && certificates.latency >= threshold
        if isGood, spent >= configuration.shortestDwell { return .promote }
        return spent >= configuration.longestDwell ? .inconclusive : .goOn
    }

    /// The arm without a request for a while although ten were to be expected by its share.
    private func silentArm(_ tick: Tick, spent: Double) -> SilentArm? {
        guard spent >= configuration.noDataAfter else { return nil }
        let window = traffic.window.errors
        let total = window.candidate.requests + window.stable.requests
        let seconds = Double(traffic.windowTicks) * configuration.tick
        if total == 0 { return seconds >= configuration.window ? .both : nil }
        let expected = Double(total) * configuration.noDataAfter / seconds
        let lately = traffic.latest(ticks: configuration.ticks(in: configuration.noDataAfter)).errors
        if tick.share > 0, tick.share * expected >= 10, lately.candidate.requests == 0 { return .candidate }
        if tick.share < 1, (1 - tick.share) * expected >= 10, lately.stable.requests == 0 { return .stable }
        return nil
    }
}
