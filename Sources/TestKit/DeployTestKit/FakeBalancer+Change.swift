package import DeployCore
package import DeployPorts
import Synchronization

extension FakeBalancer {
    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        enter(token)
        defer { place.leave(token) }
        try checkFence(token)
        try await begin(.stage)
        try checkFence(token)
        return state.withLock { state in
            if let open = state.staged, open.token == token {
                state.violations.append("staged \(split) while \(open.split) was staged and not ended")
            }
            state.mark.token = token
            let staged = StagedSplit(balancer: name, split: split, token: token)
            // What a holder that died has staged is forgotten.
            if state.staged == nil { state.fileBeforeStage = state.file }
            (state.staged, state.stagedIsReturn) = (staged, isReturn)
            state.file = split
            return staged
        }
    }

    package func commit(_ staged: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        enter(staged.token)
        defer { place.leave(staged.token) }
        do throws(LoadBalancerError) {
            try checkFence(staged.token)
            let fault = try await begin(.commit)
            try? await clock.sleep(for: commitLength)
            try checkFence(staged.token)
            try land(staged, fault)
        } catch {
            end(staged, keepingFile: error.traffic == .unknown)
            throw error
        }
        return observation
    }

    package func discard(_ staged: StagedSplit) async {
        let isStaged = state.withLock { state in
            if state.staged != staged {
                state.violations.append("discarded \(staged.split), which is not staged")
            }
            return state.staged == staged
        }
        if isStaged { end(staged, keepingFile: false) }
    }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        try await begin(.raiseMark)
        try checkFence(token)
        return state.withLock { state in
            defer { state.mark.token = token }
            return state.mark
        }
    }

    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        try await begin(.restore)
        let isDone = state.withLock { state in
            guard let stable = state.mark.stable else { return false }
            let environments = state.inForce.environments
            let other = environments[0] == stable ? environments[1] : environments[0]
            let token = state.mark.token
            state.mark.token = FencingToken(epoch: token.epoch + 1, counter: token.counter)
            state.mark.emergency = BalancerMark.Emergency(by: actor, reason: reason, at: clock.now())
            state.staged = nil
            state.putInForce(Split(stable, .full, other: other))
            return true
        }
        guard isDone else { throw .misconfigured("no mark beside \(name) says where to go back to") }
        return observation
    }

    // MARK: rules

    private func enter(_ token: FencingToken) {
        guard !place.enter(token) else { return }
        state.withLock { $0.violations.append("changed while its file was being changed") }
    }

    private func checkFence(_ token: FencingToken) throws(LoadBalancerError) {
        let seen = keptMark.token
        guard token >= seen else { throw .fenced(seen: seen) }
    }

    private func land(_ staged: StagedSplit, _ fault: Fault?) throws(LoadBalancerError) {
        let isStaged = state.withLock { state in
            if state.staged != staged {
                state.violations.append("committed \(staged.split), which is not staged")
                return false
            }
            guard fault == nil || fault == .unknown(takesEffect: true) else { return true }
            if staged.token != state.lastWriter, !state.stagedIsReturn, let live = state.inForce.live {
                state.mark.stable = live
            }
            state.lastWriter = staged.token
            state.mark.emergency = nil
            state.staged = nil
            state.putInForce(staged.split)
            return true
        }
        guard isStaged else { throw .misconfigured("\(staged.split) is not staged at \(name)") }
        switch fault {
        case .ignores: end(staged, keepingFile: false)
        case .notInForce: throw .notInForce("\(name) went on with its old configuration")
        case .unknown: throw .unknown("\(name) stopped answering")
        case .unreachable, .rejects, .drifted, .hangs, nil: return
        }
    }

    /// Forgets a staged change that has not landed.
    private func end(_ staged: StagedSplit, keepingFile: Bool) {
        state.withLock { state in
            guard state.staged == staged else { return }
            state.staged = nil
            if !keepingFile { state.file = state.fileBeforeStage }
        }
    }
}

extension FakeBalancer.State {
    fileprivate mutating func putInForce(_ split: Split) {
        inForce = split
        file = split
        splits.append(split)
    }
}
