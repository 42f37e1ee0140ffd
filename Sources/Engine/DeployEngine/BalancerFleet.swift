package import DeployCore
package import DeployPorts

/// All balancers of one service, changed together or not at all.
///
/// Work is done at all of them side by side; balancers of one ``LoadBalancer/name`` share a file and its
/// lock, and are worked at one after the other. What fails is told in the playbook's order, whichever
/// failed first.
package struct BalancerFleet: Sendable {
    package let balancers: [any LoadBalancer]
    /// What an unreachable balancer means for a run.
    package let whenUnreachable: UnreachablePolicy
    let probe: any ServerProbe
    let environments: [EnvironmentSpec]
    let clock: any Timekeeper
    let helm = Helm()
    let roll = Roll()

    package init(
        _ balancers: [any LoadBalancer],
        environments: [EnvironmentSpec],
        whenUnreachable: UnreachablePolicy = .stop,
        probe: any ServerProbe,
        clock: any Timekeeper
    ) {
        self.balancers = balancers
        self.environments = environments
        self.whenUnreachable = whenUnreachable
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
        await observations().map { ($0.name, $0.result) }
    }

    /// The split that all balancers agree on.
    package func agreedSplit() async throws(Failure) -> Split {
        let seen = try reached(await observations())
        var agreed: (name: String, split: Split)?
        for (name, observation) in seen {
            guard let split = observation.split else {
                throw Self.unchanged("\(name) sends traffic to neither environment")
            }
            if let agreed, !split.isNearly(agreed.split) {
                throw Self.unchanged(
                    "the balancers disagree: \(agreed.name) has \(agreed.split), \(name) has \(split)"
                )
            }
            agreed = agreed ?? (name, split)
        }
        guard let agreed else { throw Self.unchanged("the playbook names no balancer") }
        return agreed.split
    }

    /// Whether every balancer could be changed; those that the policy goes on without are left out from now
    /// on.
    package func inspect() async throws(Failure) {
        let outcomes = await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.inspect()
        }
        _ = try reached(outcomes)
        for failed in outcomes.compactMap(\.failed) { roll.leaveOut(failed) }
    }

    /// The highest mark beside any balancer: a new holder starts above it.
    ///
    /// Unreadable marks are left out: the balancer refuses the write later.
    package func highestMark() async -> BalancerMark {
        var highest = BalancerMark.none
        let marks = await each { _, balancer async throws(LoadBalancerError) in try await balancer.mark() }
        for case .success(let mark) in marks.map(\.result) where mark.token >= highest.token {
            highest = mark
        }
        return highest
    }

    /// Makes `token` the lowest that any balancer accepts, and returns those that could not be reached.
    package func raiseMarks(to token: FencingToken) async throws(Failure) -> [String] {
        let marks = await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.raiseMark(to: token)
        }
        let failed = marks.compactMap(\.failed)
        let fenced = failed.filter(\.isFenced)
        guard fenced.isEmpty else { throw Self.failure(fenced) }
        return failed.map(\.line)
    }

    /// The connections that `environment` has open, at all balancers together.
    package func connections(to environment: EnvironmentName) async throws(Failure) -> Int {
        let counts = await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.connections(to: environment)
        }
        return try reached(counts).reduce(0) { $0 + $1.value }
    }

    /// What became of the connections that were left.
    struct Closing: Hashable, Sendable {
        /// So many were closed.
        var count = 0
        /// Balancers that close none.
        var unable: [String] = []
        /// Balancers that failed, and how.
        var failed: [String] = []
    }

    /// Closes what `environment` has open, at every balancer that can.
    func closeConnections(to environment: EnvironmentName) async -> Closing {
        var closing = Closing()
        let results = await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.closeConnections(to: environment)
        }
        for outcome in results {
            switch outcome.result {
            case .success(let count?): closing.count += count
            case .success(nil): closing.unable.append(outcome.name)
            case .failure: outcome.failed.map { closing.failed.append($0.line) }
            }
        }
        return closing
    }

    /// Puts back the environment that was live before, by what was left beside each balancer.
    package func restore(
        by actor: Actor,
        reason: String
    ) async
        -> [(name: String, result: Result<BalancerObservation, LoadBalancerError>)]
    {
        await each { _, balancer async throws(LoadBalancerError) in
            try await balancer.restore(by: actor, reason: reason)
        }
        .map { ($0.name, $0.result) }
    }

    func observations() async -> [Outcome<BalancerObservation>] {
        await each { _, balancer async throws(LoadBalancerError) in try await balancer.observe() }
    }

    // MARK: errors

    /// What the balancers answered, when all did, or when those that did not may be left out.
    func reached<Value>(
        _ outcomes: [Outcome<Value>]
    ) throws(Failure) -> [(name: String, value: Value)] {
        let failed = outcomes.compactMap(\.failed)
        guard mayBeLeftOut(failed, of: outcomes.count) else { throw Self.failure(failed) }
        return outcomes.compactMap { outcome in
            (try? outcome.result.get()).map { (outcome.name, $0) }
        }
    }

    /// Whether the policy goes on without `failed`; never without all.
    func mayBeLeftOut(_ failed: [Failed], of count: Int) -> Bool {
        if failed.isEmpty { return true }
        return whenUnreachable == .proceed && failed.count < count && failed.allSatisfy(\.isUnreachable)
    }

    /// Every failure by name, in the playbook's order.
    static func failure(_ failed: [Failed]) -> Failure {
        var lines: [String] = []
        // Two entries of one file fail alike.
        for failure in failed where !lines.contains(failure.line) { lines.append(failure.line) }
        return Failure(
            reason: lines.joined(separator: "\n"),
            traffic: failed.contains { $0.error.traffic == .unknown } ? .unknown : .unchanged,
            isFenced: failed.contains(where: \.isFenced),
            isMisconfigured: failed.contains(where: \.isMisconfigured)
        )
    }

    static func unchanged(_ reason: String) -> Failure {
        Failure(reason: reason, traffic: .unchanged, isFenced: false)
    }
}
