/// Preflight, prepare, migrate, warm-up and validate: groups of steps, and clean-up when one fails.
extension Draft {
    mutating func beginGroup(of phase: StepsPhase, at index: Int, _ group: Int, failure: String?) {
        guard group < phase.groups.count else {
            if let failure { return turnBack(failure) }
            return enter(phase: index + 1)
        }
        let steps = phase.groups[group].filter { failure == nil || $0.isAlways }
        guard !steps.isEmpty else {
            return stand(in: index, .steps(group: group + 1, failure: failure, approvals: []))
        }
        for step in steps { issue(effect(of: step)) }
    }

    private func effect(of step: Step) -> Effect {
        switch step.kind {
        case .action, .inspectBalancers, .retire: .step(step: step)
        case .approval(let people, _):
            .approval(step: step, people: people, until: now.advanced(by: step.deadline))
        case .wait(let length): .wait(step: step.id, until: now.advanced(by: length))
        case .window(let gate): window(step, gate)
        }
    }

    private func window(_ step: Step, _ gate: WindowGate) -> Effect {
        .window(
            step: step,
            opens: state.plan.windowOverride == nil ? gate.opens(at: now) : now,
            until: gate.stops ? now : now.advanced(by: step.deadline)
        )
    }

    mutating func settleStep(
        of phase: StepsPhase,
        at index: Int,
        _ group: Int,
        failure: String?,
        _ pending: PendingEffect,
        _ answer: Answer
    ) {
        if failure == nil, let reason = answer.failure, pending.effect.stopsTheRun {
            return failSteps(reason)
        }
        goOn(in: index, group, failure: failure)
    }

    /// Ends the phase: nothing new but clean-up.
    mutating func failSteps(_ reason: String) {
        guard case .forward(let index, .steps(let group, nil, _)) = state.stage else { return }
        state.pause = nil
        cancelPending()
        state.stage = .forward(phase: index, progress: .steps(group: group, failure: reason, approvals: []))
        goOn(in: index, group, failure: reason)
    }

    /// To the next group, once everything of this one has ended.
    private mutating func goOn(in index: Int, _ group: Int, failure: String?) {
        guard state.pending.isEmpty else { return }
        stand(in: index, .steps(group: group + 1, failure: failure, approvals: []))
    }

    mutating func approve(by actor: Actor) {
        guard case .forward(let index, .steps(let group, let failure, let approvals)) = state.stage,
            let pending = state.pending.first(where: { $0.effect.isApproval }),
            case .approval(let step, let people, _) = pending.effect
        else { return refuse("no step of this run waits for an approval") }
        if let objection = state.plan.objection(to: actor, approving: step) { return refuse(objection) }
        if let earlier = approvals.first(where: { $0.mayBe(actor) }) {
            let who = earlier == actor ? "\(actor)" : "\(actor) may be \(earlier), who"
            return refuse("\(who) has approved already; \(people) different people must")
        }
        let all = approvals + [actor]
        state.stage = .forward(
            phase: index,
            progress: .steps(group: group, failure: failure, approvals: all)
        )
        guard all.count >= people else { return }
        state.captures["\(step.id).approved_by"] = all.map(\.name).joined(separator: ", ")
        dropWaiting { $0.isApproval }
        goOn(in: index, group, failure: failure)
    }

    /// Ends a `wait` step.
    ///
    /// Returns whether there was one.
    mutating func endWait() -> Bool {
        guard case .forward(let index, .steps(let group, let failure, _)) = state.stage,
            state.pending.contains(where: { $0.effect.isWait })
        else { return false }
        dropWaiting { $0.isWait }
        goOn(in: index, group, failure: failure)
        return true
    }
}

extension Plan {
    /// Why `actor` may not approve `step`: four eyes are asked for, and who started the run has two of them.
    fileprivate func objection(to actor: Actor, approving step: Step) -> String? {
        guard case .approval(_, true) = step.kind else { return nil }
        guard let startedBy else { return "nobody knows who started the run, so nobody can be another" }
        guard startedBy.mayBe(actor) else { return nil }
        return "\(actor) may not approve: `\(step.title)` has four_eyes, and \(startedBy) started the run; "
            + "somebody else must"
    }
}

extension Effect {
    /// Whether its failure ends the forward way.
    fileprivate var stopsTheRun: Bool {
        switch self {
        case .step(let step): step.onFailure == .stop
        case .approval(let step, _, _), .window(let step, _, _): step.onFailure == .stop
        case .wait, .route, .watch, .drain: true
        }
    }

    /// Whether nothing is under way while it is pending.
    var onlyWaits: Bool { isApproval || isWait || isWindow }

    var isApproval: Bool {
        if case .approval = self { true } else { false }
    }

    var isWait: Bool {
        if case .wait = self { true } else { false }
    }

    var isWindow: Bool {
        if case .window = self { true } else { false }
    }

    var isWatch: Bool {
        if case .watch = self { true } else { false }
    }
}
