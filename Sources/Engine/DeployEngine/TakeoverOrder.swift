package import DeployCore
package import DeployPorts

/// What a process that takes a run over tells it first, by looking at the world.
package enum TakeoverOrder {
    /// The balancers' traffic is not what the run left, and nobody can explain it.
    package struct Unexplained: Error, Hashable, Sendable {
        package let left: Split
        /// The balancers that have something else, and what.
        package let found: [String]

        package var message: String {
            """
            the run left \(left), found \(found.joined(separator: ", ")): somebody else changed the traffic
            It is left as it is. Take it back: bgdeploy rollback
            """
        }
    }

    /// Whether the decision needs the splits in force.
    package static func looksAtTraffic(_ state: RunState, _ mark: BalancerMark) -> Bool {
        guard case .forward = state.stage else { return false }
        return !state.isRouting && !wasPutBack(state, mark)
    }

    /// Traffic that somebody put back meanwhile (in an emergency, by the script, by hand) stays back: that
    /// is the run's rollback.
    ///
    /// A balancer among others that lost the run's split to the stable environment (reloaded, away, built
    /// anew) gets it again from the run. A split that nobody can explain is not gone on from. `mark` is the
    /// highest beside any balancer; `seen` is what the balancers do, of those that are not left out, where
    /// ``looksAtTraffic(_:_:)``.
    package static func first(
        for state: RunState,
        _ mark: BalancerMark,
        seen: [(name: String, split: Split?)],
        resumedBy actor: Actor,
        at now: Timestamp
    ) throws(Unexplained) -> PostedCommand? {
        func rollback(_ by: Actor, _ reason: String) -> PostedCommand {
            PostedCommand(command: .rollback(gradual: false), by: by, reason: reason, at: now)
        }
        guard !state.isSettled else { return nil }
        if let emergency = mark.emergency {
            return rollback(emergency.by, "emergency rollback: \(emergency.reason)")
        }
        if wasPutBack(state, mark) {
            return rollback(.bgdeploy, "the rollback script beside a balancer was run meanwhile")
        }
        if looksAtTraffic(state, mark), !seen.isEmpty {
            let (left, stable) = (state.split, state.plan.stable)
            let odd = seen.filter { $0.split?.isNearly(left) != true && $0.split?.live != stable }
            guard odd.isEmpty else {
                throw Unexplained(left: left, found: odd.map { told($0.name, $0.split) })
            }
            if left.live != stable, seen.allSatisfy({ $0.split?.live == stable }) {
                return rollback(.bgdeploy, "the traffic was put back to \(stable) meanwhile")
            }
        }
        guard state.pause != nil else { return nil }
        return PostedCommand(command: .proceed, by: actor, reason: nil, at: now)
    }

    private static func wasPutBack(_ state: RunState, _ mark: BalancerMark) -> Bool {
        mark.emergency != nil || mark.token.epoch > state.plan.epoch ?? mark.token.epoch
    }

    private static func told(_ name: String, _ split: Split?) -> String {
        "\(name): \(split?.description ?? "traffic to neither environment")"
    }
}

extension BalancerFleet {
    /// What each balancer does, of those that must answer.
    ///
    /// Fails where one does not and the policy does not go on without it.
    package func splits() async throws(Failure) -> [(name: String, split: Split?)] {
        try reached(await observations()).map { ($0.name, $0.value.split) }
    }
}
