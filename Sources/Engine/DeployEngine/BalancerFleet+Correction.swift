import DeployCore
import DeployPorts

extension BalancerFleet {
    /// What a correction found, and what became of it.
    enum Correction: Hashable, Sendable {
        /// The run wants another split by now; nothing was done.
        case superseded
        /// It was right by then.
        case needless
        /// What it had; `nil` when that was nothing that two environments can have.
        case made(instead: Split?)
    }

    /// Makes `split`, which the run has confirmed, the one in force at the balancers of `chosen` again.
    ///
    /// The mark is raised first: a balancer that was away or built anew may be behind.
    func correct(
        to split: Split,
        at chosen: [Int],
        token: FencingToken,
        stable: EnvironmentName
    ) async -> [Outcome<Correction>] {
        await each(of: chosen) { _, balancer async throws(LoadBalancerError) in
            guard await helm.take(balancer.name, keeping: split) else { return .superseded }
            defer { helm.give(balancer.name) }
            _ = try await balancer.raiseMark(to: token)
            // What was seen a moment ago may have been put right by whoever disturbed it.
            let found = try await balancer.observe().split
            if found?.isNearly(split) == true { return .needless }
            // From the stable environment alone this is a beginning, which leaves a way back beside the
            // balancer; from anything else the way back is there and must stay.
            let change = try await balancer.stage(split, token: token, isReturn: found?.live != stable)
            _ = try await Self.commit(change, at: balancer)
            return .made(instead: found)
        }
    }
}
