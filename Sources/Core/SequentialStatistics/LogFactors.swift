/// How much worse than the stable arm a candidate may be: `ratio` times its rate, plus `margin`.
public struct Tolerance: Hashable, Sendable {
    public var ratio: Double
    /// Events per request.
    public var margin: Double

    public init(ratio: Double, margin: Double) {
        self.ratio = ratio
        self.margin = margin
    }
}

/// What a bettor's wealth is multiplied by after one tick, as natural logarithms, one for each size of bet.
///
/// Under the hypothesis that is bet against, the expectation of every factor is at most 1, whatever the share
/// of the traffic, the length of the tick and the drift that both arms have in common. So their product is an
/// e-process: that it ever reaches 1/α has a probability of at most α (Ville), however often one looks.
public enum LogFactors {
    /// Parts of the wealth that are bet (κ); small ones find small faults, large ones are quick.
    static let stakes = [0.02, 0.05, 0.10, 0.20, 0.35, 0.55, 0.75, 0.95]
    /// The alternatives to a fixed limit, as multiples of its odds.
    static let odds = [1.3, 1.7, 2.5, 4, 8, 16, 64, 400]
    /// Parts of the wealth that are bet on a sign.
    static let signStakes = [0.3, 0.6, 0.9]

    private static let lossOfStakes = stakes.map { Natural.log1p(-$0) }
    private static let nothing = stakes.map { _ in 0.0 }

    /// Against "the candidate is within `tolerance` of the stable arm".
    ///
    /// ∏(1+up)·∏(1−κp′) ≤ exp(u·Σp − κ·Σp′) with u = κ·n′/(ρ·n): the stable rate p′ cancels, so it need not
    /// be known. No factor when an arm has no requests. `clustering` (φ) is E[S²]/E[S] of the sizes S of
    /// groups of events that happen together; 1 when events are independent.
    public static func worse(
        _ pair: ArmPair,
        than tolerance: Tolerance,
        clustering: Double = 1
    ) -> [Double] {
        guard pair.candidate.requests > 0, pair.stable.requests > 0 else { return nothing }
        let perStake = Double(pair.stable.requests) / (tolerance.ratio * Double(pair.candidate.requests))
        let allowed = tolerance.margin * Double(pair.candidate.requests)
        return zip(stakes, lossOfStakes).map { stake, loss in
            let gain = stake * perStake
            let won = Double(pair.candidate.events) * Natural.log1p(gain)
            return (won + Double(pair.stable.events) * loss - allowed * gain) / clustering
        }
    }

    /// Against "the candidate is worse than the stable arm by `tolerance` or more": evidence that it is good.
    public static func good(_ pair: ArmPair, within tolerance: Tolerance) -> [Double] {
        guard pair.candidate.requests > 0, pair.stable.requests > 0 else { return nothing }
        let requests = Double(pair.candidate.requests)
        let perStake = tolerance.ratio * requests / Double(pair.stable.requests)
        return zip(stakes, lossOfStakes).map { stake, loss in
            Double(pair.candidate.events) * loss
                + Double(pair.stable.events) * Natural.log1p(stake * perStake)
                + stake * tolerance.margin * requests
        }
    }

    /// Against "the rate is at most `limit`".
    ///
    /// The likelihood ratio of `odds` times the limit's odds. No factor for a limit that is not between 0 and
    /// 1.
    public static func above(_ limit: Double, _ tally: Tally, clustering: Double = 1) -> [Double] {
        guard limit > 0, limit < 1 else { return nothing }
        let (events, others) = (Double(tally.events), Double(tally.requests - tally.events))
        return odds.map { odds in
            let alternative = odds * limit / (1 + (odds - 1) * limit)
            let loss = Natural.log1p(-alternative) - Natural.log1p(-limit)
            return (events * Natural.log(alternative / limit) + others * loss) / clustering
        }
    }

    /// Against "the expected rate is at most `limit`" where only a rate from 0 to 1 is known for each window.
    public static func rateAbove(_ limit: Double, _ rate: Double) -> [Double] {
        guard limit > 0, (0...1).contains(rate) else { return nothing }
        return stakes.map { Natural.log1p($0 * (rate - limit) / limit) }
    }

    /// Against "the candidate is the slower one in at most half of the windows", which must not overlap.
    public static func slower(_ isSlower: Bool) -> [Double] {
        signStakes.map { Natural.log1p(isSlower ? $0 : -$0) }
    }
}
