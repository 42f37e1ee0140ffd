import DeployCore
import DeployPorts

extension Playbook {
    /// What a look does, or the action that `action` names.
    ///
    /// - Precondition: `action` is ``RunbookPart/look`` or one of the runbook's.
    func plan(_ runbook: Runbook, action name: Version, at now: Timestamp?) -> FrozenPlan {
        let action = runbook.action(name.rawValue)
        precondition(action != nil || name.rawValue == RunbookPart.look, "a run is of the runbook's actions")
        var draft = PlanDraft(now: now)
        var phases: [Phase] = []
        if let action {
            let groups = groups(action.steps, of: .act, startingAt: 1, &draft)
            phases.append(.steps(phase: StepsPhase(.act, groups: groups)))
        }
        let phase = action == nil ? PhaseName.look : .verify
        let checks = action?.verify ?? runbook.look
        // Whatever fails, the rest is looked at too.
        let steps = checks.map { $0.step.proceeding }
        phases.append(
            .steps(phase: StepsPhase(phase, groups: groups(steps, of: phase, startingAt: 1, &draft)))
        )
        let part = RunbookPart(
            name: runbook.name,
            title: runbook.title,
            service: runbook.service,
            action: action?.name,
            checks: checks.enumerated().map { index, check in
                RunbookCheck(
                    step: PlanDraft.id(phase, index + 1),
                    title: check.step.title,
                    severity: check.severity,
                    hint: check.hint,
                    suggests: check.suggests.map(\.text)
                )
            }
        )
        let plan = Plan(
            service: service,
            version: name,
            stable: RunbookPart.environments.stable,
            candidate: RunbookPart.environments.candidate,
            phases: phases,
            playbookDigest: digest,
            runbook: part
        )
        return FrozenPlan(plan: plan, actions: draft.actions, policies: draft.policies)
    }
}

extension PlaybookStep {
    fileprivate var proceeding: PlaybookStep {
        PlaybookStep(
            title: title,
            work: work,
            deadline: deadline,
            onFailure: .proceed,
            isAlways: false,
            policy: policy,
            captures: captures,
            position: position
        )
    }
}
