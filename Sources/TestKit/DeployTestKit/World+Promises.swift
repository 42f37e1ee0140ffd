import DeployCore

extension World {
    /// What must hold in every world (`docs/explanation/safety.md` tells it to people).
    func brokenPromises(_ rules: WorldRules) -> [String] {
        var broken = faults
        if state.pending.count(where: { $0.isRouting }) > 1 {
            broken.append("two routing effects would race")
        }
        if flights.count(where: { !$0.hasLanded }) > 1, rules.isFenced, isEngineAlive {
            broken.append("two routing effects are under way")
        }
        switch state.stage {
        case .ended(.rolledBack): broken += mismatch(with: .none, "rolled back")
        case .ended(.failed):
            broken += mismatch(with: .none, "failed before any traffic moved")
            if hasEverMoved { broken.append("failed \"before any traffic moved\", but it had moved") }
        case .released: broken += mismatch(with: .full, "released")
        case .ended(.rollbackFailed), .idle: break
        case .forward:
            if isEngineAlive, state.pending.isEmpty, state.pause == nil {
                broken.append("a live run waits for nothing")
            }
            if isEngineAlive, state.pending.isEmpty, !state.confirmed.isNone {
                broken.append("the candidate has traffic and nobody watches")
            }
        case .returning:
            if isEngineAlive, state.pending.isEmpty { broken.append("a rollback waits for nothing") }
        }
        if isEngineAlive { broken += refusedAborts(rules) }
        return broken
    }

    private func mismatch(with expected: Exposure, _ ending: String) -> [String] {
        var broken: [String] = []
        if exposure != expected { broken.append("\(ending), but the candidate has \(exposure)") }
        if flights.contains(where: { !$0.hasLanded }) {
            broken.append("\(ending), but a routing effect may still land")
        }
        return broken
    }

    /// Abort and rollback are legal in every state that has not ended.
    private func refusedAborts(_ rules: WorldRules) -> [String] {
        guard !hasEnded else { return [] }
        return [Command.abort, .rollback(gradual: false)].compactMap { command in
            let event = RunEvent(
                at: Timestamp(milliseconds: 0),
                .commanded(command: command, by: Actor("ana"), reason: nil)
            )
            return rules.step(state, event).refusal.map { "\(command) is refused: \($0)" }
        }
    }
}

extension PendingEffect {
    var isRouting: Bool {
        if case .route = effect { true } else { false }
    }
}
