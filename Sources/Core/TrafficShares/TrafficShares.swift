package import DeployCore

/// Percent to integer weights and back, for balancers that divide requests by weight.
///
/// Within a side the ratio between the servers is the user's and stays exact. With the sides' weights reduced
/// by their greatest common divisors, every answer is a whole multiple per side: the smallest pair of
/// multipliers that does what was asked.
package enum TrafficShares {
    /// nginx takes larger weights, but 1,000,000 is what was seen to be accepted and to keep its round robin
    /// exact.
    package static let largestWeight = 1_000_000
    package static let largestHAProxyWeight = 256
    package static let mostServers = 10_000

    /// The smallest weights that give the candidate exactly `share`; where those would exceed
    /// ``largestWeight``, the nearest that do not, if they are within 0.1 points.
    ///
    /// `stable` and `candidate` are the servers' present weights, of which only the ratio counts.
    package static func nginxWeights(
        stable: [Int],
        candidate: [Int],
        share: Percent
    ) throws(TrafficSharesError) -> WeightSplit {
        let split = try weights(stable: stable, candidate: candidate, share: share, largest: largestWeight)
        let (part, whole) = (split.achieved.candidateWeight, split.achieved.totalWeight)
        guard abs(1000 * part - share.tenths * whole) <= whole else {
            throw .unreachable(nearest: split.achieved)
        }
        return split
    }

    /// The weights up to 256 that come nearest to `share`, the smallest of those.
    ///
    /// A server of a side that has a share never gets 0.
    ///
    /// Mostly within 0.25 points; look at ``WeightSplit/achieved``: one server against one cannot have 0.1 %.
    package static func haproxyWeights(
        stable: [Int],
        candidate: [Int],
        share: Percent
    ) throws(TrafficSharesError) -> WeightSplit {
        try weights(stable: stable, candidate: candidate, share: share, largest: largestHAProxyWeight)
    }

    /// The candidate's share under these weights; `nil` when nothing has any, or a weight is negative or the
    /// sums overflow.
    package static func shareOfCandidate(stableWeights: [Int], candidateWeights: [Int]) -> CandidateShare? {
        guard let stable = sum(stableWeights), let candidate = sum(candidateWeights) else { return nil }
        let (total, overflows) = stable.addingReportingOverflow(candidate)
        guard !overflows, total > 0 else { return nil }
        return CandidateShare(candidateWeight: candidate, totalWeight: total)
    }

    private static func sum(_ weights: [Int]) -> Int? {
        var sum = 0
        for weight in weights {
            let (next, overflows) = sum.addingReportingOverflow(weight)
            guard weight >= 0, !overflows else { return nil }
            sum = next
        }
        return sum
    }

    // MARK: search

    private static func weights(
        stable: [Int],
        candidate: [Int],
        share: Percent,
        largest: Int
    ) throws(TrafficSharesError) -> WeightSplit {
        let left = share == .full ? nil : try SideRatio(stable, side: .stable, largest: largest)
        let right = share == .zero ? nil : try SideRatio(candidate, side: .candidate, largest: largest)
        var scale = Scale(stable: 1, candidate: 1)
        if let left, let right {
            scale = Scale.exact(left, right, share: share)
            if scale.stable > left.limit || scale.candidate > right.limit {
                scale = Scale.nearest(left, right, share: share)
            }
        }
        let stablePart = (left?.sum ?? 0) * scale.stable
        let candidatePart = (right?.sum ?? 0) * scale.candidate
        return WeightSplit(
            stable: left?.weights.map { $0 * scale.stable },
            candidate: right?.weights.map { $0 * scale.candidate },
            achieved: CandidateShare(candidateWeight: candidatePart, totalWeight: stablePart + candidatePart)
        )
    }
}
