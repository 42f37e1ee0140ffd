/// The stable environment, once it is no longer live, goes out of service.
extension Draft {
    mutating func awaitRetirement(since: Timestamp) {
        guard let retirement = state.plan.retirement else { return }
        issue(.wait(step: Retirement.check.id, until: since.advanced(by: retirement.after)))
    }

    mutating func retire(early: Bool) {
        guard case .released(let since, _) = state.stage, state.plan.runbook == nil else {
            return refuse("only the environment that a succeeded run has left behind can be retired")
        }
        guard state.retiredAt == nil else { return refuse(retiredReason) }
        guard !state.pending.contains(where: { $0.effect.isRetirementCheck }) else {
            return refuse("\(state.plan.stable) is being taken out of service already")
        }
        let end = since.advanced(by: terms.after)
        guard early || now >= end else {
            return refuse(
                """
                \(state.plan.stable) is kept until \(end.utcText), so that users can be put back to it
                Not to wait: bgdeploy retire --now
                """
            )
        }
        dropWaiting { $0.isWaitForRetirement }
        issue(.step(step: Retirement.check))
    }

    /// Whether `pending` was a part of the retirement, which has then gone on.
    ///
    /// The environment counts as out of service before the first step that may stop it is begun. A failed check
    /// ends the retirement; the failure of a step changes nothing, as with every follow-up.
    mutating func settleRetirement(_ pending: PendingEffect, _ answer: Answer) -> Bool {
        if pending.effect.isWaitForRetirement {
            issue(.step(step: Retirement.check))
            return true
        }
        if pending.effect.isRetirementCheck {
            guard answer.failure == nil else { return true }
            state.retiredAt = now
            if let first = terms.steps.first { issue(.step(step: first)) }
            return true
        }
        guard case .step(let step) = pending.effect,
            let index = terms.steps.firstIndex(where: { $0.id == step.id })
        else { return false }
        if index + 1 < terms.steps.count { issue(.step(step: terms.steps[index + 1])) }
        return true
    }

    var retiredReason: String {
        let when = state.retiredAt.map { " since \($0.utcText)" } ?? ""
        return """
            \(state.plan.stable) is out of service\(when): users are not put back to it
            Bring the version to it again: bgdeploy run VERSION
            """
    }

    private var terms: Retirement { state.plan.retirement ?? Retirement() }
}

extension Effect {
    var isWaitForRetirement: Bool {
        if case .wait(let step, _) = self { step == Retirement.check.id } else { false }
    }

    var isRetirementCheck: Bool {
        if case .step(let step) = self { step.kind == .retire } else { false }
    }
}
