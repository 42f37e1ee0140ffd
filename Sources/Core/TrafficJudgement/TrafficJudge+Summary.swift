extension TrafficJudge {
    /// What the watch has measured so far, and whether that is enough to call its limits kept.
    public func summary() -> WatchSummary {
        var parts = [describe(window.whole.candidate, candidate), describe(window.whole.stable, stable)]
        for (rule, record) in zip(rules, records) {
            guard let value = record.lastValue else { continue }
            parts.append("\(rule.name) \(Figure.plain(value))")
        }
        return WatchSummary(text: parts.joined(separator: "; "), evidence: evidence())
    }

    /// `error rate of green 30.0 % (6 of 20 requests in 2 s)`: of the last seconds, or of the whole watch.
    var errorWords: String {
        let isRecent = window.recent.candidate.requests >= needs.requests
        let sample = isRecent ? window.recent.candidate : window.whole.candidate
        let seconds = isRecent ? window.candidateSeconds : window.whole.seconds
        return "error rate of \(candidate) \(Figure.percent(sample.errorRate ?? 0)) "
            + "(\(Figure.count(sample.errors)) of \(Figure.count(sample.requests)) requests "
            + "in \(whole(seconds)) s)"
    }

    /// The stable side's error rate of the same time as ``errorWords``.
    var stableErrors: String {
        let isRecent = window.recent.candidate.requests >= needs.requests
        let sample = isRecent ? window.recent.stable : window.whole.stable
        return sample.errorRate.map(Figure.percent) ?? "had no requests"
    }

    /// `p95 of green 80 ms (1,204 requests in 10 s), of blue 40 ms`.
    var latencyWords: String {
        func words(_ sample: TrafficSample) -> String {
            sample.latencies.percentile(0.95).map(Figure.duration) ?? "unknown"
        }
        let recent = window.recent
        let requests = Figure.count(recent.candidate.latencies.count)
        return "p95 of \(candidate) \(words(recent.candidate)) (\(requests) requests in "
            + "\(whole(window.candidateSeconds)) s), of \(stable) \(words(recent.stable))"
    }

    /// Whether the playbook asks for a latency, so that one must have been measured.
    var requiresLatency: Bool {
        rules.contains { rule in
            guard rule.isRequired else { return false }
            switch rule.metric {
            case .latencyP95, .latencyP99: return true
            case .errorRate, .gauge: return false
            }
        }
    }

    private func describe(_ sample: TrafficSample, _ name: String) -> String {
        guard let rate = sample.errorRate else { return "\(name) no requests" }
        var text = "\(name) \(Figure.count(sample.requests)) requests, \(Figure.percent(rate)) errors"
        if let p95 = sample.latencies.percentile(0.95) { text += ", p95 \(Figure.duration(p95))" }
        return text
    }

    /// How well one rule was measured.
    private enum Measured {
        case well
        case poorly(String)
        case never(String)
    }

    private func evidence() -> WatchSummary.Evidence {
        let required = zip(rules, records).filter { $0.0.isRequired }
        let isJudgeable = window.whole.candidate.requests >= needs.requests
        let states =
            required.isEmpty
            ? [traffic(MetricRule.errorRate, judged: isJudgeable ? 1 : 0)] : required.map { measured($0, $1) }
        var poor: [String] = []
        var never: [String] = []
        for state in states {
            switch state {
            case .well: break
            case .poorly(let reason): if !poor.contains(reason) { poor.append(reason) }
            case .never(let reason): if !never.contains(reason) { never.append(reason) }
            }
        }
        let allNever = states.allSatisfy { if case .never = $0 { true } else { false } }
        if allNever { return .none(never.joined(separator: "; ")) }
        if !poor.isEmpty || !never.isEmpty { return .few((never + poor).joined(separator: "; ")) }
        if window.missedTicks * 2 > window.ticks, required.contains(where: { !$0.0.isGauge }) {
            return .few(
                "no figures of the traffic in \(window.missedTicks) of \(window.ticks) s: \(lastMissing ?? "")"
            )
        }
        return .sufficient
    }

    private func measured(_ rule: MetricRule, _ record: Record) -> Measured {
        guard rule.isGauge else { return traffic(rule, judged: record.judged, reason: record.lastReason) }
        let reason = record.lastReason.map { ": \($0)" } ?? ""
        if record.lastValue == nil { return .never("\(rule.name) was never read\(reason)") }
        if record.judged == 0, rule.hasCondition { return .never("\(rule.name) was never compared\(reason)") }
        if record.missing * 2 > window.ticks {
            return .poorly("\(rule.name) was missing in \(record.missing) of \(window.ticks) s\(reason)")
        }
        return .well
    }

    private func traffic(_ rule: MetricRule, judged: Int, reason: String? = nil) -> Measured {
        if window.ticks == window.missedTicks {
            return .never("no figures of the traffic: \(lastMissing ?? "nothing was measured")")
        }
        let requests = window.whole.candidate.requests
        if requests == 0 { return .never("\(candidate) had no requests") }
        if judged == 0, rule.hasCondition { return .poorly(reason ?? tooFewRequests(for: rule)) }
        if !rule.hasCondition, requests < needs.requests { return .poorly(tooFewRequests(for: rule)) }
        return .well
    }
}

extension MetricRule {
    fileprivate var isGauge: Bool {
        if case .gauge = metric { true } else { false }
    }

    fileprivate var hasCondition: Bool { instant != nil || gradual != nil || warn != nil }
}
