import DeployCore

/// One side's weights without their common factor.
struct SideRatio {
    let weights: [Int]
    let sum: Int
    /// How often they may be taken without going beyond the balancer's largest weight; at least 1.
    let limit: Int

    init(_ present: [Int], side: Side, largest: Int) throws(TrafficSharesError) {
        guard !present.isEmpty else { throw .noServers(side) }
        guard present.count <= TrafficShares.mostServers else { throw .tooManyServers(side) }
        for weight in present where !(1...TrafficShares.largestWeight).contains(weight) {
            throw .invalidWeight(weight, side)
        }
        let factor = present.reduce(0, greatestCommonDivisor)
        weights = present.map { $0 / factor }
        sum = weights.reduce(0, +)
        limit = largest / (weights.max() ?? 1)
        guard limit >= 1 else { throw .tooUneven(side) }
    }
}

/// How often each side's reduced weights are taken.
struct Scale: Equatable {
    var stable: Int
    var candidate: Int

    /// The smallest that gives exactly `share`, which is between 0 and 100 %.
    static func exact(_ left: SideRatio, _ right: SideRatio, share: Percent) -> Scale {
        let stable = right.sum * share.rest.tenths
        let candidate = left.sum * share.tenths
        let factor = greatestCommonDivisor(stable, candidate)
        return Scale(stable: stable / factor, candidate: candidate / factor)
    }

    /// The one within both limits whose error is least, and of several the one with the least sum of weights.
    ///
    /// Tries every multiplier of the side with the lower limit; for each, the two of the other side between
    /// which the exact one lies.
    static func nearest(_ left: SideRatio, _ right: SideRatio, share: Percent) -> Scale {
        let exact = exact(left, right, share: share)
        var best = Attempt(Scale(stable: 1, candidate: 1), left, right, share)
        let walksStable = left.limit <= right.limit
        for tried in 1...min(left.limit, right.limit) {
            let (own, other) =
                walksStable ? (exact.stable, exact.candidate) : (exact.candidate, exact.stable)
            let below = tried * other / own
            let limit = max(left.limit, right.limit)
            for value in [below, below + 1] {
                let matched = min(max(value, 1), limit)
                let scale =
                    walksStable
                    ? Scale(stable: tried, candidate: matched) : Scale(stable: matched, candidate: tried)
                let attempt = Attempt(scale, left, right, share)
                if attempt.isBetter(than: best) { best = attempt }
            }
        }
        return best.scale
    }
}

/// A scale and how far it misses, as a fraction, so that equal errors compare equal.
private struct Attempt {
    let scale: Scale
    /// The error in tenths of a percent is `miss` divided by `whole`.
    let miss: Int
    let whole: Int

    init(_ scale: Scale, _ left: SideRatio, _ right: SideRatio, _ share: Percent) {
        self.scale = scale
        let part = scale.candidate * right.sum
        whole = scale.stable * left.sum + part
        miss = abs(1000 * part - share.tenths * whole)
    }

    func isBetter(than other: Attempt) -> Bool {
        let mine = miss.multipliedFullWidth(by: other.whole)
        let theirs = other.miss.multipliedFullWidth(by: whole)
        if mine != theirs { return (mine.high, mine.low) < (theirs.high, theirs.low) }
        return whole < other.whole
    }
}

func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
}
