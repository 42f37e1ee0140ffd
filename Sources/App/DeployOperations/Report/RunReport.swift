package import DeployCore
import DeployPorts
import Playbooks
import DeployEngine
import TrafficJudgement

/// One run told after the fact.
package struct RunReport {
    package let run: RecordedRun
    package let timeline: [ToldLine]
    package let shares: [(at: Timestamp, exposure: Exposure)]
    /// What `load` steps left, with their steps: many lines each.
    package var loads: [(step: String, text: String)] = []
    /// `nil` when nothing was counted.
    package let findings: RunFindings?
    package let notes: RunRemarks
    /// `nil` when no user had to be put back.
    package let wayBack: WayBack?
    /// The playbook's, the gravest first.
    let severities: [String]
    let promises: [Playbook.WayBack: Span]
    /// `nil` when nothing went wrong for users.
    private(set) package var incident: IncidentAccount?

    package init(_ run: RecordedRun, judge: RunJudge = RunJudge()) {
        self.run = run
        var lines: [ToldLine] = []
        var shares: [(at: Timestamp, exposure: Exposure)] = []
        var state: RunState?
        var wayBack = WayBackFold()
        for entry in run.entries {
            let isFirst = state == nil
            if case .started(let plan) = entry.event.kind, isFirst { state = RunState(plan: plan) }
            guard let before = state else { continue }
            let after = Reducer.step(before, entry.event).state
            lines += Self.lines(of: entry, before: isFirst ? nil : before, after: after)
            if after.confirmed != before.confirmed {
                shares.append((entry.event.at, after.confirmed))
            }
            wayBack.take(entry.event, before: before, after: after)
            state = after
        }
        timeline = lines
        findings = RunFindings(run, judge)
        self.shares = shares
        self.wayBack = wayBack.wayBack
        notes = RunRemarks(run.entries)
        severities = judge.severities.map(\.name)
        promises = judge.promises
        incident = IncidentAccount(self)
    }

    package var plan: Plan { run.state.plan }

    /// What the report is of.
    package var title: String {
        incident == nil
            ? "\(subject): \(condition)" : "Incident report: \(subject), \(condition)"
    }

    /// `rolled back`, as a title says it.
    package var condition: String {
        if plan.runbook != nil, case .released = run.state.stage {
            return run.state.failedChecks.isEmpty ? "fine" : "trouble found"
        }
        return run.state.condition.rawValue.map { $0.isUppercase ? " \($0.lowercased())" : "\($0)" }.joined()
    }

    package var outcome: String {
        if let part = plan.runbook { return outcome(of: part) }
        return switch run.state.stage {
        case .released: "\(plan.version) is live on \(plan.candidate)."
        case .ended(.failed): "It failed before any traffic moved; users stayed on \(plan.stable)."
        case .ended(.rolledBack): "It was rolled back; users are on \(plan.stable)."
        case .ended(.rollbackFailed):
            "The rollback did not complete: a person is needed. Last confirmed: \(run.state.split)."
        case .idle, .forward, .returning: "It has not ended: \(run.state.condition.rawValue)."
        }
    }

    /// How long the candidate had traffic; `nil` when it never had.
    package var exposure: Span? {
        guard let first = shares.first(where: { !$0.exposure.isNone }) else { return nil }
        let end = shares.last { $0.exposure.isNone && $0.at >= first.at }?.at ?? run.updatedAt
        return end.since(first.at)
    }

    /// `75 % of the traffic at most, for 12s`.
    package var impact: String {
        guard plan.runbook == nil else { return "A runbook's run moves no traffic." }
        guard let exposure, let most = shares.map(\.exposure.share).max() else {
            return "No user reached the candidate."
        }
        let chosen = shares.contains { $0.exposure.hasChosenUsers } ? " and chosen users" : ""
        return "\(plan.candidate) had up to \(most) % of the traffic\(chosen), for \(Self.rounded(exposure))."
    }

    /// To the second, unless it is shorter than ten.
    package static func rounded(_ span: Span) -> Span {
        span.milliseconds < 10_000 ? span : .seconds(span.milliseconds / 1000)
    }

    /// What the verdict that took the traffic back said, or what all that was counted says.
    ///
    /// `nil` when nothing was counted.
    package var harm: String? {
        if let note = run.notes.last(where: { $0.topic == "impact" }) { return note.text }
        guard let findings else { return nil }
        let words = findings.impact.words(candidate: plan.candidate.rawValue, stable: plan.stable.rawValue)
        return (severity.map { "\($0): " } ?? "") + words
    }

    /// ``harm`` without the severity before it.
    var harmWords: String? {
        let prefix = severity.map { "\($0): " } ?? ""
        return harm.map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
    }

    /// The name of the error rate at the end; `nil` when no name is for it, or nothing took the traffic back.
    package var severity: String? {
        if let note = run.notes.last(where: { $0.topic == "impact" }) { return note.facts["severity"] }
        guard let findings, findings.traffic.rollback != nil else { return nil }
        return findings.severity(
            slowdown: lastTraffic?.facts[NoticeGrades.slowdownFact].flatMap(Double.init)
        )
    }

    /// The last figures that were noted on the way forward.
    var lastTraffic: Note? {
        run.notes.last { $0.topic == "traffic" && $0.facts[TrafficWatcher.Fact.isReturn] == nil }
    }

    /// By whose settings the evidence was judged, where that needs a word.
    package var reservation: String? {
        findings?.judge.isGuessedBecause.map {
            "Judged by the defaults: the run's own playbook cannot be read any more (\($0))."
        }
    }

    /// The evidence as points, `limit` of them at most.
    package func series(_ findings: RunFindings, limit: Int) -> TrafficSeries {
        let last = findings.traffic.rollback.map { Double($0.second) } ?? 0
        return TrafficSeries(findings.replay, limit: limit, last: last)
    }

    package var facts: [(String, String)] {
        if let part = plan.runbook { return facts(of: part) }
        return [
            ("Run", run.record.id.rawValue), ("Service", plan.service),
            ("Version", "\(plan.version)" + (plan.previousVersion.map { " (before: \($0))" } ?? "")),
            ("From, to", "\(plan.stable) → \(plan.candidate)"), ("Started", Clock.iso(run.record.startedAt)),
            ("Last event", Clock.iso(run.updatedAt)),
            ("Took", "\(Self.rounded(run.updatedAt.since(run.record.startedAt)))"),
        ]
    }
}
