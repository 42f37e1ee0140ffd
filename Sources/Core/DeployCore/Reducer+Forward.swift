/// From phase to phase.
extension Draft {
    mutating func start() {
        guard case .idle = state.stage else { return }
        enter(phase: 0)
    }

    /// Stands before phase `index` and begins it unless the run is paused.
    mutating func enter(phase index: Int) {
        guard index < state.plan.phases.count else { return release() }
        stand(in: index, state.plan.phases[index].firstProgress(at: now))
    }

    /// Takes up a position and begins what belongs to it unless the run is paused.
    mutating func stand(in phase: Int, _ progress: RunState.Progress) {
        state.stage = .forward(phase: phase, progress: progress)
        if state.pause == nil { begin() }
    }

    /// Begins what belongs to the position in which the run stands.
    mutating func begin() {
        guard case .forward(let index, let progress) = state.stage else { return }
        switch (state.plan.phases[index], progress) {
        case (.steps(let phase), .steps(let group, let failure, _)):
            beginGroup(of: phase, at: index, group, failure: failure)
        case (.drain(let phase), .draining(let isRequested)): beginDrain(phase, isRequested: isRequested)
        case (.shift(let phase), .shifting(let step, let since)):
            beginShift(phase, at: index, step: step, since: since)
        case (.monitor(let phase), .monitoring): beginMonitor(phase)
        default: preconditionFailure("the position does not belong to its phase")
        }
    }

    mutating func advance(
        _ index: Int,
        _ progress: RunState.Progress,
        _ pending: PendingEffect,
        _ answer: Answer
    ) {
        if case .watch(let watch) = pending.effect, watch.purpose == .pause {
            return settlePauseWatch(answer)
        }
        switch (state.plan.phases[index], progress) {
        case (.steps(let phase), .steps(let group, let failure, _)):
            settleStep(of: phase, at: index, group, failure: failure, pending, answer)
        case (.drain(let phase), .draining): settleDrain(phase, at: index, pending, answer)
        case (.shift(let phase), .shifting(let step, _)):
            settleShift(phase, at: index, step: step, pending, answer)
        case (.monitor, .monitoring): settleMonitor(answer)
        default: preconditionFailure("the position does not belong to its phase")
        }
    }

    /// Everything is on the candidate and nothing spoke against it.
    mutating func release() {
        state.pause = nil
        state.stage = .released(since: now, next: 0)
        awaitFollowUp(0, since: now)
        awaitRetirement(since: now)
    }

    private mutating func awaitFollowUp(_ next: Int, since: Timestamp) {
        guard next < state.plan.followUps.count else { return }
        let due = state.plan.followUps[next]
        issue(.wait(step: due.step.id, until: since.advanced(by: due.after)))
    }

    /// A follow-up decides nothing: it is carried out, and its failure is on record.
    mutating func followUp(_ pending: PendingEffect, _ answer: Answer) {
        if settleRetirement(pending, answer) { return }
        guard case .released(let since, let next) = state.stage, next < state.plan.followUps.count else {
            return
        }
        if case .wait = pending.effect { return issue(.step(step: state.plan.followUps[next].step)) }
        state.stage = .released(since: since, next: next + 1)
        awaitFollowUp(next + 1, since: since)
    }
}

extension Phase {
    func firstProgress(at now: Timestamp) -> RunState.Progress {
        switch self {
        case .steps: .steps(group: 0, failure: nil, approvals: [])
        case .drain(let phase): .draining(isRequested: phase.request == nil)
        case .shift: .shifting(step: 0, since: nil)
        case .monitor: .monitoring(since: now)
        }
    }
}
