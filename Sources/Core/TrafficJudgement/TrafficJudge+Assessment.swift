extension TrafficJudge {
    /// What one tick says of one condition.
    enum Assessment: Hashable, Sendable {
        case kept
        case broken(String)
        /// Broken, but the stable side is as bad.
        case common(String)
        /// Too little to judge, and why.
        case few(String)
        /// The tick brought nothing about it: neither for nor against.
        case nothingNew

        var isJudgement: Bool {
            switch self {
            case .kept, .broken, .common: true
            case .few, .nothingNew: false
            }
        }
    }

    func assess(_ rule: MetricRule, _ condition: Condition, _ tick: TrafficTick) -> Assessment {
        switch rule.metric {
        case .gauge(let name):
            guard case .value(let value) = tick.gauges[name] else { return .nothingNew }
            return assessGauge(rule, condition, value)
        case .errorRate:
            guard let latest = window.latest, latest.candidate.requests > 0 else { return .nothingNew }
            return assessErrors(rule, condition)
        case .latencyP95:
            guard let latest = window.latest, latest.candidate.requests > 0 else { return .nothingNew }
            return assessLatency(rule, condition, latest, Percentile(name: "p95", share: 0.95, times: 1))
        case .latencyP99:
            guard let latest = window.latest, latest.candidate.requests > 0 else { return .nothingNew }
            return assessLatency(rule, condition, latest, Percentile(name: "p99", share: 0.99, times: 4))
        }
    }

    // MARK: errors

    private func assessErrors(_ rule: MetricRule, _ condition: Condition) -> Assessment {
        let isRecentEnough = isEnough(window.recent.candidate)
        let stretch = isRecentEnough ? window.recent : window.whole
        guard isEnough(stretch.candidate), let rate = stretch.candidate.errorRate else {
            return .few(tooFewRequests(for: rule))
        }
        // Old errors of a slow service are no reason once the last seconds are clean.
        if window.recent.candidate.errors == 0, condition.looksUpward { return .kept }
        let stableRate = isEnough(stretch.stable) ? stretch.stable.errorRate : nil
        if condition.isRelative, stretch.candidate.errors < needs.errors { return .kept }
        switch condition.evaluate(rate, stable: stableRate, before: before[rule.name]) {
        case .noEvidence(let reason): return .few("\(rule.name): \(reason)")
        case .notMet: return .kept
        case .met: break
        }
        let seconds = isRecentEnough ? window.candidateSeconds : window.whole.seconds
        if condition.looksUpward, !condition.isToStable, let stableRate, stableRate > 0,
            rate < stableRate * needs.commonCauseRatio
        {
            return .common(
                "error rate of \(candidate) \(Figure.percent(rate)), limit \(condition.spaced), but \(stable) is as bad "
                    + "(\(Figure.percent(stableRate))): a common cause, going back would not help"
            )
        }
        let other =
            stretch.stable.errorRate.map { "\(stable) \(Figure.percent($0))" } ?? "\(stable) had no requests"
        return .broken(
            "error rate of \(candidate) \(Figure.percent(rate)) (\(Figure.count(stretch.candidate.errors)) of "
                + "\(Figure.count(stretch.candidate.requests)) requests in \(whole(seconds)) s), "
                + "limit \(condition.spaced); \(other)"
        )
    }

    private func isEnough(_ sample: TrafficSample) -> Bool {
        sample.requests >= needs.requests
            || (sample.errors >= needs.errors && sample.errors * 2 >= sample.requests)
    }

    func tooFewRequests(for rule: MetricRule) -> String {
        let seen = window.whole.candidate.requests
        return "\(candidate) had \(Figure.count(seen)) requests, \(rule.name) needs \(needs.requests)"
    }

    // MARK: latencies

    private struct Percentile {
        let name: String
        let share: Double
        /// How many times the usual number of durations it takes.
        let times: Int
    }

    private func assessLatency(
        _ rule: MetricRule,
        _ condition: Condition,
        _ latest: TrafficWindow.Stretch,
        _ percentile: Percentile
    ) -> Assessment {
        let (ours, theirs) = (window.recent.candidate.latencies, window.recent.stable.latencies)
        let needed = needs.durations * percentile.times
        guard !ours.isEmpty else { return .few("\(rule.name): the source knows no durations") }
        guard ours.count >= needed, let value = ours.percentile(percentile.share) else {
            return .few(
                "\(rule.name) needs \(needed) requests of \(candidate) in the window, there were \(ours.count)"
            )
        }
        let control = theirs.count >= needed ? theirs.percentile(percentile.share) : nil
        if condition.isToStable, control == nil {
            return .few(
                "\(rule.name) needs \(needed) requests of \(stable) in the window, there were \(theirs.count)"
            )
        }
        switch condition.evaluate(value, stable: control, before: before[rule.name]) {
        case .noEvidence(let reason): return .few("\(rule.name): \(reason)")
        case .notMet: return .kept
        case .met: break
        }
        // One slow second stays in the window for ten: only a tick that is slow itself counts.
        guard let now = latest.candidate.latencies.percentile(percentile.share) else { return .nothingNew }
        guard condition.evaluate(now, stable: control, before: before[rule.name]) == .met else {
            return .kept
        }
        let text =
            "\(percentile.name) of \(candidate) \(Figure.duration(value)) (\(Figure.count(ours.count)) requests in "
            + "\(whole(window.candidateSeconds)) s), limit \(condition.spaced)"
        guard let control else { return .broken("\(text); too few requests of \(stable) to compare") }
        if condition.looksUpward, value - control < needs.latencyFloor {
            return condition.isToStable ? .kept : common(text, control)
        }
        if !condition.isToStable, condition.evaluate(control, before: before[rule.name]) == .met {
            return common(text, control)
        }
        return .broken("\(text); \(stable) \(Figure.duration(control))")
    }

    private func common(_ text: String, _ control: Double) -> Assessment {
        .common(
            "\(text), but \(stable) is as slow (\(Figure.duration(control))): a common cause, going back would not help"
        )
    }

    // MARK: gauges

    private func assessGauge(_ rule: MetricRule, _ condition: Condition, _ value: Double) -> Assessment {
        switch condition.evaluate(value, before: before[rule.name]) {
        case .met:
            let known = before[rule.name].map { " (before: \(Figure.plain($0)))" } ?? ""
            return .broken("\(rule.name) is \(Figure.plain(value))\(known), limit \(condition.spaced)")
        case .notMet: return .kept
        case .noEvidence(let reason): return .few("\(rule.name): \(reason)")
        }
    }

    func whole(_ seconds: Double) -> Int { max(1, Int(min(seconds, 1e9).rounded())) }
}

extension Condition {
    /// As written, with the space that a sentence wants: `> 5 %`.
    fileprivate var spaced: String {
        guard case .share = limit else { return description }
        return description.split(separator: "%").map { $0.last == " " ? String($0.dropLast()) : String($0) }
            .joined() + " %"
    }

    fileprivate var looksUpward: Bool { relation == .above || relation == .atLeast }

    fileprivate var isToStable: Bool {
        if case .timesStable = limit { true } else { false }
    }

    fileprivate var isRelative: Bool {
        switch limit {
        case .timesStable, .timesBefore: true
        case .number, .share, .milliseconds: false
        }
    }
}
