import SequentialStatistics

/// What the evidence of all ticks so far means for the run.
extension CanaryJudge {
    struct Finding {
        var decision = Judgement.Decision.fine
        /// What a person should know while it lasts; equal keys are the same matter.
        var remark: (key: String, text: String)?
    }

    func finding() -> Finding {
        guard let latest else { return Finding() }
        switch latest.verdict {
        case .rollBack(let metric):
            let reason = "\(words(for: metric)); \(odds(of: metric, in: latest))"
            return Finding(
                decision: metric.rollbackMode == .instant ? .rollBack(reason) : .rollBackGradually(reason)
            )
        case .hold(let reason):
            let text = words(for: reason)
            let remark = (latest.verdict.cause ?? "hold", text)
            // Nobody is harmed where nobody asks.
            if case .noData(.both) = reason { return Finding(remark: remark) }
            return Finding(decision: .hold(text), remark: remark)
        case .promote where place.mayEndEarly: return Finding(decision: .endEarly(certificate))
        case .goOn where place.mayEndEarly && isGoodWithoutLatency(latest):
            return Finding(decision: .endEarly(certificate))
        case .goOn, .promote, .inconclusive: return Finding()
        }
    }

    /// Whether the candidate is shown to be good enough for the next step.
    public var isCertified: Bool {
        guard let evidence else { return false }
        return evidence.good >= 1
    }

    /// The evidence as it stands; `nil` before the first tick.
    public var evidence: Evidence? {
        guard let latest else { return nil }
        let against = Metric.allCases.filter { monitor.configuration.shares[$0] > 0 }.map { metric in
            Evidence.Against(
                metric: metric.name,
                logEvidence: latest.evidence[metric],
                threshold: monitor.configuration.threshold(of: metric)
            )
        }
        return Evidence(
            against: against,
            goodErrors: latest.certificates.errors,
            goodLatency: hasDurations ? latest.certificates.latency : nil,
            goodThreshold: monitor.configuration.certificateThreshold
        )
    }

    // MARK: good

    /// Where no source knows durations, errors alone decide, unless the playbook asks for a latency.
    private func isGoodWithoutLatency(_ latest: SequentialStatistics.Judgement) -> Bool {
        guard !hasDurations, !limits.requiresLatency else { return false }
        return latest.certificates.errors >= monitor.configuration.certificateThreshold
            && secondsInStep >= monitor.configuration.shortestDwell
    }

    private var certificate: String {
        let tolerance = monitor.configuration.certificate
        return
            "the evidence is in: \(limits.candidate) has at most \(Figure.plain(tolerance.ratio)) times the "
            + "errors of \(limits.stable) and \(Figure.percent(tolerance.margin))"
            + (hasDurations ? ", and is not slower" : "; no durations are known")
            + ", with \(Figure.percent(1 - monitor.configuration.beta)) certainty"
    }

    // MARK: words

    private func words(for metric: Metric) -> String {
        let (ours, theirs) = (limits.candidate, limits.stable)
        switch metric {
        case .relativeErrors: return "\(limits.errorWords), worse than \(theirs): \(limits.stableErrors)"
        case .absoluteErrors:
            let limit = Figure.percent(monitor.configuration.errorLimit)
            return "\(limits.errorWords), limit > \(limit); \(theirs) \(limits.stableErrors)"
        case .baselineErrors:
            return
                "\(limits.errorWords), more than \(theirs) had in this run; now \(theirs) \(limits.stableErrors)"
        case .relativeLatency:
            return "\(limits.latencyWords), slower than \(latency.words) the p95 of \(theirs)"
        case .baselineLatency: return "\(limits.latencyWords), slower than \(theirs) was in this run"
        case .webSockets: return "WebSocket handshakes fail more often with \(ours) than with \(theirs)"
        case .exceptions: return "\(ours) has more exceptions than \(theirs)"
        case .silence:
            return "\(ours) answers far fewer requests than its share of \(Figure.percent(place.share))"
        }
    }

    /// What Ville's inequality says of evidence as high as it is.
    private func odds(of metric: Metric, in judgement: SequentialStatistics.Judgement) -> String {
        let odds = min(judgement.odds(against: metric), 1e6)
        return "a version that is no worse looks so in less than 1 of \(Figure.count(Int(odds))) runs"
    }

    private func words(for reason: HoldReason) -> String {
        let (ours, theirs) = (limits.candidate, limits.stable)
        switch reason {
        case .objection(.belowEffect, let metric):
            return
                "\(ours) is worse than \(theirs) (\(metric.name)), but by less than a rollback is worth: held"
        case .objection(.recovered, let metric):
            return "\(ours) was worse than \(theirs) (\(metric.name)) and was clean in the last seconds: held"
        case .objection(.commonCause, _):
            return "\(limits.errorWords), but \(theirs) is as bad (\(limits.stableErrors)): a common cause, "
                + "going back would not help: held"
        case .noData(.candidate): return "\(ours) answers nothing although it has traffic: held"
        case .noData(.stable):
            return "\(theirs) answers nothing although it has traffic, so there is nothing to compare: held"
        case .noData(.both): return "no requests at all"
        }
    }
}

extension Judgement.Decision {
    /// What decides when the limits say this and the evidence says `finding`.
    func graver(than finding: CanaryJudge.Finding) -> Self {
        switch (self, finding.decision) {
        case (.rollBack, _): self
        case (_, .rollBack): finding.decision
        case (.rollBackGradually, _): self
        default: finding.decision
        }
    }
}
