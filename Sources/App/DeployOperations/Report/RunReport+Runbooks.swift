import DeployCore
import DeployPorts

/// What a runbook's run comes to.
extension RunReport {
    /// `mina v2.5.0`, or `mina database-connections: failover`.
    package var subject: String { plan.runbook?.subject ?? "\(plan.service) \(plan.version)" }

    func outcome(of part: RunbookPart) -> String {
        switch run.state.stage {
        case .released:
            let failed = run.state.failedChecks.count
            let done = part.action == nil ? "" : "The action was carried out. "
            guard failed > 0 else { return "\(done)All checks are fine." }
            let severity = run.incident?.severity.map { " (\($0))" } ?? ""
            return "\(done)\(failed) of \(part.checks.count) checks failed\(severity)."
        case .ended:
            return part.action == nil
                ? "The look was stopped before its end."
                : "The action failed; what its steps did before stays done."
        case .idle, .forward, .returning: return "It has not ended: \(run.state.condition.rawValue)."
        }
    }

    func facts(of part: RunbookPart) -> [(String, String)] {
        [
            ("Run", run.record.id.rawValue), ("Service", part.service), ("Runbook", part.name),
            ("Trouble", part.title), ("Action", part.action ?? "only looked"),
            ("Begun by", plan.startedBy?.person ?? "nobody knows"), ("Why", plan.reason ?? "nobody said"),
            ("Incident", incident(part)), ("Started", Clock.iso(run.record.startedAt)),
            ("Last event", Clock.iso(run.updatedAt)),
            ("Took", "\(Self.rounded(run.updatedAt.since(run.record.startedAt)))"),
        ]
    }

    private func incident(_ part: RunbookPart) -> String {
        switch (part.incident, run.incident) {
        case (nil, nil): "none"
        case (let before?, nil): "open since \(Clock.iso(before.since)), over with this run"
        case (_, let now?): "open since \(Clock.iso(now.since)), found by run \(now.run)"
        }
    }

    /// Each check in the runbook's order, with what was found.
    package var found: [(title: String, mark: String, text: String)] {
        guard let part = plan.runbook else { return [] }
        return run.findings.findings(of: part).map { finding in
            let shown = finding.shown.map { ["", $0] } ?? []
            switch finding.outcome {
            case .unknown: return (finding.check.title, "–", "not looked at")
            case .fine(let summary):
                return (finding.check.title, "✓", ([summary ?? "fine"] + shown).joined(separator: "\n"))
            case .failed(let reason):
                let lines = [reason] + finding.check.advice + shown
                let grade = finding.severity.map { " \($0)" } ?? ""
                return (finding.check.title, "✗\(grade)", lines.joined(separator: "\n"))
            }
        }
    }
}
