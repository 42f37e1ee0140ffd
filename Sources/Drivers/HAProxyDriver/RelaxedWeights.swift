import DeployCore
import TrafficShares

/// Weights of 0 through 256 that give the candidate a share.
///
/// The ratios within an environment are kept exactly where that gives the share to a twentieth of a point. Else
/// they are rounded to whole numbers: of all roundings that give the share so nearly the one that changes the
/// division among all servers least, and if there is none, the one that comes nearest to the share.
struct RelaxedWeights: Sendable {
    /// `nil` when the side gets nothing.
    let stable: [Int]?
    let candidate: [Int]?
    let achieved: CandidateShare
    /// In points, always positive.
    let error: Double

    /// What a balancer may be off without being refused, in points.
    static let tolerance = 0.25
    private static let exact = 0.05

    /// `nil` when a side that is to get traffic has no servers.
    ///
    /// The weights are 1 through 256.
    init?(stable: [Int], candidate: [Int], share: Percent) {
        if let split = try? TrafficShares.haproxyWeights(stable: stable, candidate: candidate, share: share) {
            let error = abs(split.achieved.value - share.value)
            if error <= Self.exact || (stable.count == 1 && candidate.count == 1) {
                self.init(
                    stable: split.stable,
                    candidate: split.candidate,
                    achieved: split.achieved,
                    error: error
                )
                return
            }
        }
        let left = share == .full ? [Rounding.nothing] : Rounding.all(stable)
        let right = share == .zero ? [Rounding.nothing] : Rounding.all(candidate)
        var best: (left: Rounding, right: Rounding, error: Double, distortion: Double)?
        for one in left {
            for other in right {
                let part = Double(other.sum) / Double(max(one.sum + other.sum, 1)) * 100
                let error = max(abs(part - share.value), Self.exact)
                let distortion = one.distortion * (100 - share.value) + other.distortion * share.value
                if let best, (best.error, best.distortion) <= (error, distortion) { continue }
                best = (one, other, error, distortion)
            }
        }
        guard let best,
            let achieved = TrafficShares.shareOfCandidate(
                stableWeights: best.left.weights,
                candidateWeights: best.right.weights
            )
        else { return nil }
        self.init(
            stable: share == .full ? nil : best.left.weights,
            candidate: share == .zero ? nil : best.right.weights,
            achieved: achieved,
            error: abs(achieved.value - share.value)
        )
    }

    private init(stable: [Int]?, candidate: [Int]?, achieved: CandidateShare, error: Double) {
        self.stable = stable
        self.candidate = candidate
        self.achieved = achieved
        self.error = error
    }

    static func commonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}

/// One side's weights, scaled so that the largest has some value and rounded.
private struct Rounding {
    let weights: [Int]
    let sum: Int
    /// By how much of the side's traffic the server is off that is off most.
    let distortion: Double

    static let nothing = Rounding(weights: [], sum: 0, distortion: 0)

    static func all(_ wanted: [Int]) -> [Rounding] {
        guard let most = wanted.max(), most > 0 else { return [] }
        let whole = Double(wanted.reduce(0, +))
        return (1...TrafficShares.largestHAProxyWeight).map { largest in
            let weights = wanted.map { max(1, ($0 * largest * 2 + most) / (2 * most)) }
            let sum = weights.reduce(0, +)
            let distortion = zip(weights, wanted).map { abs(Double($0) / Double(sum) - Double($1) / whole) }
            return Rounding(weights: weights, sum: sum, distortion: distortion.max() ?? 0)
        }
    }
}
