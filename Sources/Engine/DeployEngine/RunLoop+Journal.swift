import DeployCore
import DeployPorts

extension RunLoop {
    /// Makes an event durable and moves the state.
    ///
    /// `nil` when it could not be: `end` is then set, and nothing of what the event calls for may be begun.
    mutating func record(
        _ kind: RunEvent.Kind,
        answering command: Int? = nil
    ) async -> Reducer.Transition? {
        guard end == nil else { return nil }
        let event = RunEvent(at: surroundings.clock.now(), masked(kind))
        let transition = Reducer.step(state, event)
        do throws(RunStoreError) {
            let entry = try await append(event, transition.effects, command)
            surroundings.observer.recorded(entry, before: state, after: transition.state)
            state = transition.state
            return transition
        } catch {
            end = error == .leaseLost ? .lost(state) : await giveUp(after: error)
            return nil
        }
    }

    /// A store that is locked or away may be back in a moment; a full disk or a lost lease is not.
    private func append(
        _ event: RunEvent,
        _ effects: [PendingEffect],
        _ command: Int?
    ) async throws(RunStoreError) -> JournalEntry {
        var patience = 3
        while true {
            do throws(RunStoreError) {
                return try await surroundings.store.append(
                    event,
                    effects: effects,
                    to: orchestrator.run,
                    lease: orchestrator.lease,
                    answering: command
                )
            } catch {
                guard case .unavailable = error, patience > 0 else { throw error }
                patience -= 1
            }
            try? await surroundings.clock.sleep(for: .seconds(1))
        }
    }

    /// Without a journal nothing may be begun.
    ///
    /// A candidate that has traffic, or may have, loses it: by what was left beside the balancers, which
    /// needs no journal.
    private mutating func giveUp(after error: RunStoreError) async -> RunEnd {
        guard mayHaveTraffic else { return .journalLost(state, error, restored: []) }
        let results = await surroundings.fleet.restore(
            by: .bgdeploy,
            reason: "the journal of run \(orchestrator.run) cannot be written"
        )
        let restored = results.map { name, result in
            switch result {
            case .success(let seen): "\(name): \(seen.split?.description ?? "split unknown")"
            case .failure(let failure): "\(name): \(failure.message)"
            }
        }
        return .journalLost(state, error, restored: restored)
    }

    /// Whether users may be on a candidate that nobody has vouched for.
    ///
    /// A run that was released stays as it is.
    private var mayHaveTraffic: Bool {
        let isRouting = state.pending.contains { pending in
            if case .route = pending.effect { true } else { false }
        }
        switch state.stage {
        case .idle, .forward, .ended(.failed): return isRouting || state.hasMovedTraffic
        case .returning(let journey):
            if case .tidying = journey.leg { return isRouting }
            return isRouting || state.hasMovedTraffic
        case .ended(.rollbackFailed): return true
        case .released, .ended(.rolledBack): return isRouting
        }
    }

    /// No secret reaches the journal.
    private func masked(_ kind: RunEvent.Kind) -> RunEvent.Kind {
        let mask = surroundings.mask
        switch kind {
        case .succeeded(let effect, let captures, let summary):
            return .succeeded(effect: effect, captures: captures.mapValues(mask), summary: summary.map(mask))
        case .failed(let effect, let reason, let traffic):
            return .failed(effect: effect, reason: mask(reason), traffic: traffic)
        case .noted(let note):
            return .noted(
                note: Note(topic: note.topic, text: mask(note.text), facts: note.facts.mapValues(mask))
            )
        case .commanded(let command, let actor, let reason):
            return .commanded(command: command.masked(by: mask), by: actor, reason: reason.map(mask))
        case .judged(let effect, let verdict): return .judged(effect: effect, verdict: verdict.mapText(mask))
        case .started, .resumed: return kind
        }
    }
}

extension Command {
    fileprivate func masked(by mask: (String) -> String) -> Command {
        guard case .note(let remarks) = self else { return self }
        let masked = remarks.map {
            Remark($0.kind, mask($0.text), owner: $0.owner.map(mask), due: $0.due)
        }
        return .note(remarks: masked)
    }
}

extension Verdict {
    fileprivate func mapText(_ change: (String) -> String) -> Verdict {
        switch self {
        case .passed(let summary): .passed(summary: change(summary))
        case .rollBack(let reason): .rollBack(reason: change(reason))
        case .rollBackGradually(let reason): .rollBackGradually(reason: change(reason))
        case .inconclusive(let reason): .inconclusive(reason: change(reason))
        }
    }
}
