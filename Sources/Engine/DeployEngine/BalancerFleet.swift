package import DeployCore
package import DeployPorts

/// All balancers of one service, changed together or not at all.
package struct BalancerFleet: Sendable {
    package let balancers: [any LoadBalancer]
    private let probe: any ServerProbe
    private let environments: [EnvironmentSpec]
    private let clock: any Timekeeper

    package init(
        _ balancers: [any LoadBalancer],
        environments: [EnvironmentSpec],
        probe: any ServerProbe,
        clock: any Timekeeper
    ) {
        self.balancers = balancers
        self.environments = environments
        self.probe = probe
        self.clock = clock
    }

    /// Why balancers could not be read or changed, and what is true of the traffic now.
    package struct Failure: Error, Hashable, Sendable {
        package let reason: String
        package let traffic: TrafficKnowledge
        /// Somebody with a higher token is in charge.
        package let isFenced: Bool
        /// The configuration is not as the playbook says.
        package var isMisconfigured = false
    }

    // MARK: reading

    /// What each balancer does, in the playbook's order.
    package func observe() async -> [(name: String, result: Result<BalancerObservation, LoadBalancerError>)] {
        var seen: [(name: String, result: Result<BalancerObservation, LoadBalancerError>)] = []
        for balancer in balancers {
            do throws(LoadBalancerError) {
                seen.append((balancer.name, .success(try await balancer.observe())))
            } catch {
                seen.append((balancer.name, .failure(error)))
            }
        }
        return seen
    }

    /// The split that all balancers agree on.
    package func agreedSplit() async throws(Failure) -> Split {
        var agreed: Split?
        for balancer in balancers {
            let split = try await Self.attempt(balancer.name) { () async throws(LoadBalancerError) in
                try await balancer.observe().split
            }
            guard let split else {
                throw Self.unchanged("\(balancer.name) sends traffic to neither environment")
            }
            if let agreed, !split.isNearly(agreed) {
                throw Self.unchanged(
                    "the balancers disagree: \(balancers[0].name) has \(agreed), \(balancer.name) has \(split)"
                )
            }
            agreed = agreed ?? split
        }
        guard let agreed else { throw Self.unchanged("the playbook names no balancer") }
        return agreed
    }

    /// Whether every balancer could be changed.
    package func inspect() async throws(Failure) {
        for balancer in balancers {
            try await Self.attempt(balancer.name) { () async throws(LoadBalancerError) in
                try await balancer.inspect()
            }
        }
    }

    /// The highest mark beside any balancer: a new holder starts above it.
    ///
    /// Unreadable marks are left out: the balancer refuses the write later.
    package func highestMark() async -> BalancerMark {
        var highest = BalancerMark.none
        for balancer in balancers {
            guard let mark = try? await balancer.mark(), mark.token >= highest.token else { continue }
            highest = mark
        }
        return highest
    }

    /// Makes `token` the lowest that any balancer accepts, and returns those that could not be reached.
    package func raiseMarks(to token: FencingToken) async throws(Failure) -> [String] {
        var unreached: [String] = []
        for balancer in balancers {
            do throws(LoadBalancerError) {
                _ = try await balancer.raiseMark(to: token)
            } catch {
                if case .fenced = error { throw Self.failure(balancer.name, error) }
                unreached.append("\(balancer.name): \(error.message)")
            }
        }
        return unreached
    }

    /// The connections that `environment` has open, at all balancers together.
    package func connections(to environment: EnvironmentName) async throws(Failure) -> Int {
        var count = 0
        for balancer in balancers {
            count += try await Self.attempt(balancer.name) { () async throws(LoadBalancerError) in
                try await balancer.connections(to: environment)
            }
        }
        return count
    }

    // MARK: changing

    /// Makes `split` the one in force at every balancer, verified, or at none.
    ///
    /// Everything is staged and tested first. When a commit fails, those committed before are put back.
    package func route(_ split: Split, token: FencingToken, isReturn: Bool = false) async throws(Failure) {
        try await checkReceivers(of: split)
        let before = await observe()
        var staged: [(balancer: any LoadBalancer, change: StagedSplit)] = []
        for balancer in balancers {
            do throws(LoadBalancerError) {
                staged.append((balancer, try await balancer.stage(split, token: token, isReturn: isReturn)))
            } catch {
                for other in staged { await other.balancer.discard(other.change) }
                throw Self.failure(balancer.name, error)
            }
        }
        for (index, (balancer, change)) in staged.enumerated() {
            do throws(LoadBalancerError) {
                let seen = try await balancer.commit(change)
                guard seen.split?.isNearly(split) == true else {
                    throw .unknown(
                        "asked for \(split), read back \(seen.split?.description ?? "nothing known")"
                    )
                }
            } catch {
                for other in staged[(index + 1)...] { await other.balancer.discard(other.change) }
                let first = Self.failure(balancer.name, error)
                throw await putBack(
                    Array(before[0...index]),
                    Array(balancers[0...index]),
                    token,
                    after: first
                )
            }
        }
    }

    /// Takes a change back that some balancers made and one refused.
    private func putBack(
        _ before: [(name: String, result: Result<BalancerObservation, LoadBalancerError>)],
        _ changed: [any LoadBalancer],
        _ token: FencingToken,
        after first: Failure
    ) async -> Failure {
        var reason = first.reason
        // A traffic that is known to be unchanged at the balancer that failed needs nothing there.
        let last = first.traffic == .unchanged ? changed.count - 1 : changed.count
        // Where a commit was in force for a moment, users may have been there: that is no unchanged traffic.
        var traffic = last > 0 ? TrafficKnowledge.unknown : .unchanged
        for (seen, balancer) in zip(before, changed).prefix(last) {
            do throws(LoadBalancerError) {
                guard case .success(let observation) = seen.result, let old = observation.split else {
                    throw .unknown("its split before the change is not known")
                }
                _ = try await balancer.commit(try await balancer.stage(old, token: token, isReturn: true))
                reason += "\n\(balancer.name) is back at \(old)"
            } catch {
                traffic = .unknown
                reason += "\n\(balancer.name) could not be put back: \(error.message)"
            }
        }
        return Failure(reason: reason, traffic: traffic, isFenced: first.isFenced)
    }

    /// An environment about to get more traffic must take connections.
    private func checkReceivers(of split: Split) async throws(Failure) {
        let now = try? await agreedSplit()
        for environment in environments
        where split.share(of: environment.name) > (now?.share(of: environment.name) ?? .zero) {
            for server in environment.servers {
                guard let refusal = await probe.refusal(of: server) else { continue }
                throw Self.unchanged(
                    "\(environment.name) cannot take traffic: \(server) \(refusal); the split was left as it is"
                )
            }
        }
    }

    /// Puts back the environment that was live before, by what was left beside each balancer.
    package func restore(
        by actor: Actor,
        reason: String
    ) async
        -> [(name: String, result: Result<BalancerObservation, LoadBalancerError>)]
    {
        await withTaskGroup { group in
            for (index, balancer) in balancers.enumerated() {
                group.addTask {
                    do throws(LoadBalancerError) {
                        let seen = try await balancer.restore(by: actor, reason: reason)
                        return (index, Result<BalancerObservation, LoadBalancerError>.success(seen))
                    } catch {
                        return (index, Result<BalancerObservation, LoadBalancerError>.failure(error))
                    }
                }
            }
            var results: [Int: Result<BalancerObservation, LoadBalancerError>] = [:]
            for await (index, result) in group { results[index] = result }
            return balancers.enumerated().compactMap { index, balancer in
                results[index].map { (balancer.name, $0) }
            }
        }
    }

    // MARK: errors

    private static func attempt<Value: Sendable>(
        _ name: String,
        _ work: () async throws(LoadBalancerError) -> Value
    ) async throws(Failure) -> Value {
        do throws(LoadBalancerError) {
            return try await work()
        } catch {
            throw failure(name, error)
        }
    }

    private static func failure(_ name: String, _ error: LoadBalancerError) -> Failure {
        let isFenced = if case .fenced = error { true } else { false }
        var failure = Failure(
            reason: "\(name): \(error.message)",
            traffic: error.traffic,
            isFenced: isFenced
        )
        if case .misconfigured = error { failure.isMisconfigured = true }
        return failure
    }

    private static func unchanged(_ reason: String) -> Failure {
        Failure(reason: reason, traffic: .unchanged, isFenced: false)
    }
}
