/// The way back.
extension Draft {
    /// Leaves the forward way for good.
    ///
    /// Routing that is under way is waited for, because it may still land and would undo the rollback if it
    /// landed last; a run that never moved traffic touches no balancer.
    mutating func turnBack(_ reason: String, gradually: Bool = false) {
        cancelPending()
        state.pause = nil
        var shares = gradually ? state.plan.rollback.gradual.filter { $0 < state.confirmed.share } : []
        if shares.isEmpty { shares = [.zero] }
        state.stage = .returning(
            journey: RunState.ReturnJourney(reason: reason, shares: shares, leg: .routing, attempt: 1)
        )
        routeBack()
    }

    /// Issues the next routing of the way back, unless an earlier one has not been answered.
    private mutating func routeBack() {
        guard case .returning(let journey) = state.stage else { return }
        guard !state.pending.contains(where: { $0.effect.isRouting }) else { return }
        guard state.hasMovedTraffic else { return concludeIfSettled() }
        issue(.route(candidate: Exposure(journey.shares[0])))
    }

    mutating func settleReturn(_ journey: RunState.ReturnJourney, _ pending: PendingEffect, _ answer: Answer)
    {
        if pending.isCancelled {
            if pending.effect.isRouting { return routeBack() }
            return concludeIfSettled()
        }
        switch pending.effect {
        case .route: settleRoute(journey, answer)
        case .wait: routeBack()
        case .watch: settleReturnWatch(journey, answer)
        case .step: tidyUp(journey)
        case .approval, .window, .drain: break
        }
    }

    private mutating func settleRoute(_ journey: RunState.ReturnJourney, _ answer: Answer) {
        var journey = journey
        if let failure = answer.failure {
            guard journey.attempt < RunState.routingAttempts else {
                cancelPending()
                state.stage = .ended(ending: .rollbackFailed(reason: "\(journey.reason); then \(failure)"))
                return
            }
            let pause = Span.milliseconds(250 << Int64(journey.attempt))
            journey.attempt += 1
            state.stage = .returning(journey: journey)
            return issue(.wait(step: RunState.routingRetry, until: now.advanced(by: pause)))
        }
        journey.shares.removeFirst()
        journey.attempt = 1
        guard journey.shares.isEmpty else {
            journey.leg = .holding
            state.stage = .returning(journey: journey)
            return watch(.rollback, until: now.advanced(by: state.plan.rollback.hold))
        }
        journey.leg = .tidying(step: -1)
        state.stage = .returning(journey: journey)
        tidyUp(journey)
    }

    private mutating func settleReturnWatch(_ journey: RunState.ReturnJourney, _ answer: Answer) {
        if case .judged(.rollBack) = answer { return hasten() }
        var journey = journey
        journey.leg = .routing
        state.stage = .returning(journey: journey)
        routeBack()
    }

    /// The traffic is back: the next step of the playbook's `then`.
    ///
    /// Its failures change nothing.
    private mutating func tidyUp(_ journey: RunState.ReturnJourney) {
        guard case .tidying(let done) = journey.leg else { return }
        var journey = journey
        journey.leg = .tidying(step: done + 1)
        state.stage = .returning(journey: journey)
        guard done + 1 < state.plan.rollback.steps.count else { return concludeIfSettled() }
        issue(.step(step: state.plan.rollback.steps[done + 1]))
    }

    /// Turns a gradual way back into an instant one.
    mutating func hasten() {
        guard case .returning(var journey) = state.stage else { return }
        guard journey.leg == .holding || journey.shares.count > 1 else { return }
        dropWaiting { $0.isWatch }
        for index in state.pending.indices where state.pending[index].effect.isRouting {
            state.pending[index].isCancelled = true
        }
        journey.shares = [.zero]
        journey.leg = .routing
        state.stage = .returning(journey: journey)
        if !state.pending.contains(where: { $0.effect.isWait }) { routeBack() }
    }

    /// Ends the run once nothing is under way any more.
    private mutating func concludeIfSettled() {
        guard case .returning(let journey) = state.stage, state.pending.isEmpty else { return }
        guard state.hasMovedTraffic else {
            state.stage = .ended(ending: .failed(reason: journey.reason))
            return
        }
        guard case .tidying(let step) = journey.leg, step >= state.plan.rollback.steps.count else { return }
        state.stage = .ended(ending: .rolledBack(reason: journey.reason))
    }
}

extension RunState {
    /// Tries of one routing on the way back before a person is called.
    static let routingAttempts = 5
    /// A run that was taken over this often without any effect ending in between is not resumed unasked.
    public static let takeoverLimit = 3
    static let routingRetry = StepID(rawValue: "rollback/retry")
}
