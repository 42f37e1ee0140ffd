import DeployCore
import DeployPorts

/// What a runbook's run has to hand over.
extension RunHandoff {
    /// The incident that it left.
    func open(_ part: RunbookPart) -> [Handoff.Item] {
        guard let incident = run.incident else { return [] }
        let grade = incident.severity.map { "\($0) " } ?? ""
        let text = "\(grade)incident: \(part.title); \(report.outcome)"
        return [item(.incidents, incident.since, text, "bgdeploy runbook \(part.name)")]
    }

    /// An action changed something; who only looked did not.
    func done(_ part: RunbookPart) -> [Handoff.Item] {
        guard let action = part.action, run.updatedAt >= since else { return [] }
        let who = run.state.plan.startedBy.map { " by \($0.person)" } ?? ""
        let why = run.state.plan.reason.map { " (\($0))" } ?? ""
        let text = "runbook \(part.name): \(action)\(who)\(why): \(report.outcome)"
        return [item(.changes, run.updatedAt, text, "bgdeploy report \(id)")]
    }
}
