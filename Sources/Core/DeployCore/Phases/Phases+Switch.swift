/// Switch: raise the candidate's share step by step, watching each before the next.
extension Draft {
    mutating func beginShift(_ phase: SwitchPhase, at index: Int, step: Int, since: Timestamp?) {
        guard since != nil else { return issue(.route(candidate: phase.exposure(at: step))) }
        guard step + 1 < phase.shares.count else { return enter(phase: index + 1) }
        guard phase.hold > .zero else { return stand(in: index, .shifting(step: step + 1, since: nil)) }
        watch(.hold, until: now.advanced(by: phase.hold))
    }

    mutating func settleShift(
        _ phase: SwitchPhase,
        at index: Int,
        step: Int,
        _ pending: PendingEffect,
        _ answer: Answer
    ) {
        switch answer {
        case .succeeded: stand(in: index, .shifting(step: step, since: now))
        case .failed(let reason, _): turnBack(reason)
        case .judged(.passed): stand(in: index, .shifting(step: step + 1, since: nil))
        case .judged(let verdict): heed(verdict)
        }
    }

    /// Ends the hold of a canary step.
    ///
    /// Returns whether there was one.
    mutating func endHold(full: Bool) -> Bool {
        guard case .forward(let index, .shifting(let step, .some)) = state.stage,
            case .shift(let phase) = state.plan.phases[index]
        else { return false }
        dropWaiting { $0.isWatch }
        state.pause = nil
        let last = phase.shares.count - (phase.holdback == nil ? 1 : 0)
        if full, step < last {
            stand(in: index, .shifting(step: last, since: nil))
        } else if step + 1 < phase.shares.count {
            stand(in: index, .shifting(step: step + 1, since: nil))
        } else {
            enter(phase: index + 1)
        }
        return true
    }
}

/// Watching, wherever it is done.
extension Draft {
    mutating func watch(_ purpose: Watch.Purpose, until end: Timestamp) {
        issue(
            .watch(watch: Watch(purpose: purpose, candidate: state.confirmed, since: now, until: end))
        )
    }

    mutating func heed(_ verdict: Verdict) {
        switch verdict {
        case .passed: break
        case .rollBack(let reason): turnBack(reason)
        case .rollBackGradually(let reason): turnBack(reason, gradually: true)
        case .inconclusive(let reason): state.pause = RunState.Pause(by: .bgdeploy, reason: reason)
        }
    }

    /// A run that is paused while the candidate has traffic is watched all the same.
    mutating func keepWatchWhilePaused() {
        guard let pause = state.pause, case .forward = state.stage, state.pending.isEmpty,
            !state.confirmed.isNone
        else { return }
        watch(.pause, until: now.advanced(by: pause.limit))
    }

    mutating func settlePauseWatch(_ answer: Answer) {
        switch answer {
        case .judged(.passed), .judged(.inconclusive):
            turnBack("paused for longer than \(state.pause?.limit ?? .zero) with the traffic divided")
        case .judged(let verdict): heed(verdict)
        case .failed(let reason, _): turnBack(reason)
        case .succeeded: break
        }
    }
}

extension RunState.Pause {
    /// How long a divided traffic may stay as it is: a day when a person paused, an hour when bgdeploy did for
    /// want of evidence.
    public var limit: Span { by == .bgdeploy ? .minutes(60) : .minutes(24 * 60) }
}
