package import DeployCore

/// The weights that divide the traffic between two sides.
package struct WeightSplit: Hashable, Sendable {
    /// One weight per server in the order asked, or `nil` when the side gets nothing: `down` in nginx, 0 in
    /// HAProxy.
    package let stable: [Int]?
    package let candidate: [Int]?
    /// What the weights come to, which need not be what was asked.
    package let achieved: CandidateShare
}

/// The candidate's part of the traffic as weights give it.
package struct CandidateShare: Hashable, Sendable {
    /// The sums of the weights of the two sides.
    package let candidateWeight: Int
    package let totalWeight: Int

    /// In percent, 0 through 100.
    package var value: Double { Double(candidateWeight) / Double(totalWeight) * 100 }

    /// Rounded to a tenth, but never to 0 or 100 % while both sides have traffic.
    package var percent: Percent {
        if candidateWeight == 0 { return .zero }
        if candidateWeight == totalWeight { return .full }
        let tenths = (Double(candidateWeight) / Double(totalWeight) * 1000).rounded()
        return Percent(tenths: min(max(Int(tenths), 1), 999)) ?? .zero
    }
}

/// Which of the two sides.
package enum Side: Hashable, Sendable {
    case stable, candidate
}

/// Why there are no weights for a share.
package enum TrafficSharesError: Error, Hashable, Sendable {
    /// A side that is to get traffic has no servers.
    case noServers(Side)
    /// A side has more than ``TrafficShares/mostServers`` servers.
    case tooManyServers(Side)
    /// A present weight is not 1 through ``TrafficShares/largestWeight``.
    case invalidWeight(Int, Side)
    /// The ratio between the servers of a side needs weights beyond the balancer's largest.
    case tooUneven(Side)
    /// No weights within the balancer's largest come near enough; `nearest` is the best.
    case unreachable(nearest: CandidateShare)
}
