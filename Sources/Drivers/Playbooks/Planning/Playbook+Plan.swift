package import DeployCore
import DeployPorts

extension Playbook {
    /// At most so many steps run side by side.
    static let widestGroup = 4
    private static let groupedPhases: Set<PhaseName> = [.preflight, .warmUp, .validate, .look, .verify]

    /// What a run does that brings `version` to `candidate`.
    ///
    /// The times of its windows are those from `now` on; without `now` they have none, as is good for a run that
    /// is resumed by the plan in the journal.
    ///
    /// - Precondition: `stable` and `candidate` are the playbook's two environments.
    package func plan(
        version: Version,
        previousVersion: Version?,
        stable: EnvironmentName,
        candidate: EnvironmentName,
        at now: Timestamp? = nil
    ) -> FrozenPlan {
        if let runbook { return plan(runbook, action: version, at: now) }
        precondition(
            Set([stable, candidate]) == Set(environments.map(\.name)),
            "a run is between the playbook's environments"
        )
        var draft = PlanDraft(now: now)
        var phases = [preflight(&draft)]
        for name in [PhaseName.prepare, .migrate, .warmUp, .validate] {
            let wanted =
                switch name {
                case .validate: validation(of: candidate)
                case .migrate: migration(stable: stable)
                default: steps[name] ?? []
                }
            let groups = self.groups(wanted, of: name, startingAt: 1, &draft)
            if !groups.isEmpty { phases.append(.steps(phase: StepsPhase(name, groups: groups))) }
        }
        phases += switchAndDrain(&draft)
        phases.append(.monitor(phase: MonitorPhase(length: monitor.length)))
        let way = RollbackPlan(
            gradual: rollback.gradual,
            hold: rollback.hold,
            steps: rollback.steps.enumerated().map { draft.step($0.element, .rollback, $0.offset + 1) }
        )
        let plan = Plan(
            service: service,
            version: version,
            previousVersion: previousVersion,
            stable: stable,
            candidate: candidate,
            phases: phases,
            rollback: way,
            followUps: followUps(&draft),
            playbookDigest: digest,
            forwardFix: forwardFix,
            retirement: retirement(&draft)
        )
        return FrozenPlan(plan: plan, actions: draft.actions, policies: draft.policies)
    }

    private func validation(of environment: EnvironmentName) -> [PlaybookStep] {
        (steps[.validate] ?? []) + (defaultChecks[environment] ?? [])
    }

    /// The playbook's migration, and what the stable environment is asked around it.
    private func migration(stable: EnvironmentName) -> [PlaybookStep] {
        guard let wanted = steps[.migrate], !wanted.isEmpty else { return [] }
        let checks = validation(of: stable).compactMap { step -> StableHealth.Check? in
            // What another step captured is the candidate's.
            guard case .action(let action) = step.work, step.isIndependent else { return nil }
            return StableHealth.Check(title: step.title, action: action, deadline: step.deadline)
        }
        guard !checks.isEmpty else { return wanted }
        func health(_ moment: StableHealth.Moment, _ policy: StepPolicy) -> PlaybookStep {
            let action = StableHealth(
                moment: moment,
                environment: stable,
                checks: checks,
                forwardFix: forwardFix
            )
            return PlaybookStep(
                title: action.summary,
                work: .action(action),
                deadline: checks.map(\.deadline).max() ?? .seconds(60),
                onFailure: .stop,
                isAlways: false,
                policy: policy,
                captures: [],
                position: .unknown
            )
        }
        let name = StableHealth.captureName
        return [health(.before, StepPolicy(isIdempotent: true, captureName: name))]
            + wanted + [health(.after, StepPolicy(attempts: 3, isIdempotent: true))]
    }

    /// In the order that the playbook gives them.
    private func switchAndDrain(_ draft: inout PlanDraft) -> [Phase] {
        let shift = SwitchPhase(
            shares: strategy.shares,
            hold: strategy.hold,
            chosenUsers: strategy.hasChosenUsers,
            holdback: monitor.length > .zero ? strategy.holdback : nil
        )
        guard let drain else { return [.shift(phase: shift)] }
        let phase = DrainPhase(
            request: drain.request.map { draft.step($0, .drain, 1) },
            grace: drain.grace,
            whenNotEmpty: drain.whenNotEmpty,
            closesRest: drain.closesRest
        )
        return drainsAfterSwitch
            ? [.shift(phase: shift), .drain(phase: phase)] : [.drain(phase: phase), .shift(phase: shift)]
    }

    private func preflight(_ draft: inout PlanDraft) -> Phase {
        let inspection = Step(
            id: PlanDraft.id(.preflight, 1),
            title: "every balancer can be changed",
            kind: .inspectBalancers
        )
        let groups = self.groups(steps[.preflight] ?? [], of: .preflight, startingAt: 2, &draft)
        return .steps(phase: StepsPhase(.preflight, groups: [[inspection]] + groups))
    }

    /// Neighbours that only look run side by side; everything else runs alone.
    func groups(
        _ steps: [PlaybookStep],
        of phase: PhaseName,
        startingAt first: Int,
        _ draft: inout PlanDraft
    ) -> [[Step]] {
        var groups: [[Step]] = []
        var isOpen = false
        for (offset, step) in steps.enumerated() {
            let made = draft.step(step, phase, first + offset)
            let mayJoin = Self.groupedPhases.contains(phase) && step.isIndependent
            if mayJoin, isOpen, let last = groups.last, last.count < Self.widestGroup {
                groups[groups.count - 1].append(made)
            } else {
                groups.append([made])
            }
            isOpen = mayJoin
        }
        return groups
    }

    private func followUps(_ draft: inout PlanDraft) -> [FollowUp] {
        let inOrder = afterwards.followUps.enumerated().sorted {
            ($0.element.after, $0.offset) < ($1.element.after, $1.offset)
        }
        var followUps: [FollowUp] = []
        for entry in inOrder {
            for step in entry.element.steps {
                let made = draft.step(step, .afterwards, followUps.count + 1)
                followUps.append(FollowUp(after: entry.element.after, step: made))
            }
        }
        return followUps
    }

    private func retirement(_ draft: inout PlanDraft) -> Retirement? {
        afterwards.retirement.map { settings in
            let steps = settings.steps.enumerated().map { index, step in
                draft.step(step, StepID(rawValue: "\(Retirement.check.id)-\(index + 1)"), .afterwards)
            }
            return Retirement(after: settings.after, steps: steps)
        }
    }
}

/// Gives steps their ids and keeps what belongs to each.
struct PlanDraft {
    let now: Timestamp?
    var actions: [StepID: any StepAction] = [:]
    var policies: [StepID: StepPolicy] = [:]

    static func id(_ phase: PhaseName, _ number: Int) -> StepID {
        StepID(rawValue: "\(phase)/\(number)")
    }

    init(now: Timestamp?) { self.now = now }

    mutating func step(_ step: PlaybookStep, _ phase: PhaseName, _ number: Int) -> Step {
        self.step(step, Self.id(phase, number), phase)
    }

    mutating func step(_ step: PlaybookStep, _ id: StepID, _ phase: PhaseName) -> Step {
        let kind: Step.Kind
        switch step.work {
        case .action(let action):
            kind = .action
            actions[id] = action
            policies[id] = step.policy
        case .approval(let people, let fourEyes):
            kind = .approval(people: people, fourEyes: fourEyes ? true : nil)
        case .wait(let length): kind = .wait(length: length)
        case .window(let settings): kind = .window(gate: settings.gate(from: now))
        }
        return Step(
            id: id,
            title: step.title,
            kind: kind,
            onFailure: step.onFailure,
            isAlways: step.isAlways,
            // A migration that is stopped half way leaves a database that nobody planned.
            isCancellable: phase != .migrate,
            deadline: step.deadline
        )
    }
}
