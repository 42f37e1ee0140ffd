/// What people ask of a run.
extension Draft {
    mutating func obey(_ command: Command, by actor: Actor, reason: String?) {
        switch command {
        case .approve: approve(by: actor)
        case .pause: pause(by: actor, reason: reason)
        case .proceed: proceed()
        case .promote(let full): promote(full: full)
        case .abort: abort(Self.words("aborted by \(actor)", reason))
        case .rollback(let gradual):
            rollBack(Self.words("rolled back by \(actor)", reason), gradually: gradual)
        case .retire(let early): retire(early: early)
        case .note: break
        }
    }

    private static func words(_ what: String, _ reason: String?) -> String {
        reason.map { "\(what): \($0)" } ?? what
    }

    private mutating func pause(by actor: Actor, reason: String?) {
        guard case .forward(_, let progress) = state.stage, !progress.isCleaningUp else {
            return refuse("only a run on its way forward can be paused")
        }
        guard state.pause == nil else { return refuse("the run is paused already") }
        state.pause = RunState.Pause(by: actor, reason: reason)
        dropWaiting { $0.isWatch }
    }

    private mutating func proceed() {
        guard state.pause != nil else { return refuse("the run is not paused") }
        state.pause = nil
        dropWaiting { $0.isWatch }
        if state.pending.isEmpty { begin() }
    }

    private mutating func promote(full: Bool) {
        if endHold(full: full) { return }
        if case .forward(_, .monitoring) = state.stage {
            guard !state.isRouting else { return refuse("the candidate is being given all traffic") }
            state.pause = nil
            return endMonitor()
        }
        if endWait() { return }
        if state.pending.contains(where: { $0.effect.isWindow }) {
            return refuse(
                "the run waits for its window; one that goes through it is begun with `--override-window`"
            )
        }
        refuse("there is no hold to end")
    }

    private mutating func abort(_ reason: String) {
        switch state.stage {
        case .released where state.plan.runbook != nil: refuse("the run has ended")
        case .released: refuse("the run has succeeded; `rollback` takes it back")
        case .ended(.rolledBack), .ended(.failed): refuse("the run has ended")
        case .idle, .forward, .returning, .ended(.rollbackFailed): rollBack(reason, gradually: false)
        }
    }

    private mutating func rollBack(_ reason: String, gradually: Bool) {
        switch state.stage {
        case .idle: turnBack(reason)
        case .forward(_, .steps(_, let failure, _)):
            if failure == nil { failSteps(reason) }
        case .released where state.plan.runbook != nil: refuse(Self.nothingMoved)
        case .released where state.retiredAt != nil: refuse(retiredReason)
        case .forward, .released: turnBack(reason, gradually: gradually)
        case .returning: if !gradually { hasten() }
        case .ended(.rollbackFailed): turnBack(reason)
        case .ended(.rolledBack): refuse("the run has been rolled back already")
        case .ended(.failed) where state.plan.runbook != nil: refuse(Self.nothingMoved)
        case .ended(.failed): refuse("the run failed before any traffic moved; there is nothing to take back")
        }
    }

    private static let nothingMoved =
        "a runbook's run moves no traffic: there is nothing to take back; name a release to take that one back"
}

extension RunState.Progress {
    /// Whether the phase has failed and only its clean-up is carried out.
    var isCleaningUp: Bool {
        if case .steps(_, .some, _) = self { true } else { false }
    }
}
