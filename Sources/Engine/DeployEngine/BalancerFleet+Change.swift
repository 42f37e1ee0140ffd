package import DeployCore
package import DeployPorts

extension BalancerFleet {
    /// Makes `split` the one in force at every balancer, verified, or at none.
    ///
    /// Everything is staged and tested at all of them before any commit. When one fails, the others are put
    /// back. Where the policy goes on without unreachable balancers, those are left out and told in
    /// ``roll``. A return is different: whoever can go back goes back, and the failure names the others.
    package func route(_ split: Split, token: FencingToken, isReturn: Bool = false) async throws(Failure) {
        helm.want(split)
        if let failure = isReturn ? await back(to: split, token) : await forward(to: split, token) {
            throw failure
        }
    }

    private typealias Staged = (index: Int, change: StagedSplit)

    private func forward(to split: Split, _ token: FencingToken) async -> Failure? {
        let names = Set(balancers.map(\.name)).sorted()
        for name in names { await helm.take(name) }
        defer { for name in names { helm.give(name) } }
        let before = await observations()
        if let refusal = await refusal(of: split, before) { return refusal }
        let (staged, refused) = await stage(split, token)
        guard mayBeLeftOut(refused, of: balancers.count) else {
            await discard(staged)
            return Self.failure(refused)
        }
        let outcomes = await commit(staged, split)
        let failed = outcomes.compactMap(\.failed)
        let all = (refused + failed).sorted { $0.index < $1.index }
        guard mayBeLeftOut(all, of: balancers.count) else {
            return await putBack(before, outcomes, token, after: Self.failure(all))
        }
        account(for: all, outcomes, split)
        return nil
    }

    /// Nobody waits for another one: a host that is down must not keep users of the others from the old
    /// version.
    private func back(to split: Split, _ token: FencingToken) async -> Failure? {
        if await isDeaf(split), let refusal = await refusal(of: split, await observations()) {
            return refusal
        }
        let outcomes = await each { _, balancer async throws(LoadBalancerError) in
            await helm.take(balancer.name)
            defer { helm.give(balancer.name) }
            return try await Self.goBack(to: split, at: balancer, token: token)
        }
        let failed = outcomes.compactMap(\.failed)
        account(for: [], outcomes, split)
        guard !failed.isEmpty else { return nil }
        let failure = Self.failure(failed)
        guard failed.count < balancers.count else { return failure }
        let count = balancers.count - failed.count
        return Failure(
            reason: "incomplete: \(failure.reason)\n\(count) of \(balancers.count) balancers have \(split)",
            traffic: .unknown,
            isFenced: failure.isFenced,
            isMisconfigured: failure.isMisconfigured
        )
    }

    // MARK: parts

    private func stage(
        _ split: Split,
        _ token: FencingToken
    ) async -> (staged: [Staged], refused: [Failed]) {
        let outcomes = await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.stage(split, token: token)
        }
        let staged = outcomes.compactMap { outcome in
            (try? outcome.result.get()).map { (index: outcome.index, change: $0) }
        }
        return (staged, outcomes.compactMap(\.failed))
    }

    private func commit(_ staged: [Staged], _ split: Split) async -> [Outcome<BalancerObservation>] {
        let changes = Dictionary(staged.map { ($0.index, $0.change) }) { first, _ in first }
        return await each(of: staged.map(\.index)) { index, balancer async throws(LoadBalancerError) in
            guard let change = changes[index] else { throw .misconfigured("nothing was staged") }
            return try await Self.commit(change, at: balancer)
        }
    }

    /// Commits, and believes nothing but what was read back.
    static func commit(
        _ change: StagedSplit,
        at balancer: any LoadBalancer
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let seen = try await balancer.commit(change)
        guard seen.split?.isNearly(change.split) == true else {
            throw .unknown(
                "asked for \(change.split), read back \(seen.split?.description ?? "nothing known")"
            )
        }
        return seen
    }

    /// The last change to a file goes first.
    private func discard(_ staged: [Staged]) async {
        let changes = Dictionary(staged.map { ($0.index, $0.change) }) { first, _ in first }
        _ = await each(of: staged.map(\.index).reversed()) {
            index,
            balancer async throws(LoadBalancerError) in
            guard let change = changes[index] else { return }
            await balancer.discard(change)
        }
    }

    /// Takes a change back that some balancers made and others did not.
    private func putBack(
        _ before: [Outcome<BalancerObservation>],
        _ outcomes: [Outcome<BalancerObservation>],
        _ token: FencingToken,
        after first: Failure
    ) async -> Failure {
        // A traffic that is known to be unchanged at a balancer that failed needs nothing there.
        let changed = outcomes.filter { $0.failed.map { $0.error.traffic == .unknown } ?? true }.map(\.index)
        let results = await each(of: changed) { index, balancer async throws(LoadBalancerError) in
            guard let old = (try? before[index].result.get())?.split else {
                throw .unknown("its split before the change is not known")
            }
            _ = try await Self.commit(
                try await balancer.stage(old, token: token, isReturn: true),
                at: balancer
            )
            return old
        }
        let lines = results.map { outcome in
            switch outcome.result {
            case .success(let old): "\(outcome.name) is back at \(old)"
            case .failure(let error): "\(outcome.name) could not be put back: \(error.message)"
            }
        }
        return Failure(
            reason: ([first.reason] + lines).joined(separator: "\n"),
            // Where a commit was in force for a moment, users may have been there: that is no unchanged
            // traffic.
            traffic: changed.isEmpty ? .unchanged : .unknown,
            isFenced: first.isFenced || results.contains { $0.failed?.isFenced == true },
            isMisconfigured: first.isMisconfigured
        )
    }

    /// Keeps the roll: who did not answer is left out from now on, who did is there again.
    private func account(
        for failed: [Failed],
        _ outcomes: [Outcome<BalancerObservation>],
        _ split: Split
    ) {
        guard whenUnreachable == .proceed else { return }
        for failure in failed where failure.isUnreachable { roll.leaveOut(failure) }
        for outcome in outcomes where outcome.failed == nil { roll.welcome(outcome.index, at: split) }
    }

    /// An environment that is about to get more traffic must take connections.
    private func refusal(of split: Split, _ before: [Outcome<BalancerObservation>]) async -> Failure? {
        let now = before.compactMap { try? $0.result.get() }.map(\.split)
        let receivers = environments.filter { environment in
            now.contains { split.gives(environment.name, beyond: $0) }
        }
        guard let refusal = await refusal(of: receivers) else { return nil }
        return Self.unchanged("\(refusal); the split was left as it is")
    }

    /// Whether an environment that has traffic in `split` does not take connections.
    private func isDeaf(_ split: Split) async -> Bool {
        await refusal(of: environments.filter { split.gives($0.name, beyond: nil) }) != nil
    }

    private func refusal(of receivers: [EnvironmentSpec]) async -> String? {
        for environment in receivers {
            for server in environment.servers {
                guard let refusal = await probe.refusal(of: server) else { continue }
                return "\(environment.name) cannot take traffic: \(server) \(refusal)"
            }
        }
        return nil
    }
}

extension Split {
    /// Whether `name` gets more than it has in `now`.
    fileprivate func gives(_ name: EnvironmentName, beyond now: Split?) -> Bool {
        if chosen == name, now?.chosen != name, now?.live != name { return true }
        return share(of: name) > (now?.share(of: name) ?? .zero)
    }
}
