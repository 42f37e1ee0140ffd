import Foundation
import SequentialStatistics
import Testing

/// Expectations by exact enumeration: a bettor cannot win on average while the hypothesis is true.
@Suite struct ValidityTests {
    private static let rounding = 1e-9
    private static let rates = [0, 0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 1]

    /// The probability of `events` among `requests`.
    private static func probability(_ events: Int, of requests: Int, _ rate: Double) -> Double {
        var ways = 1.0
        for index in 0..<events { ways *= Double(requests - index) / Double(index + 1) }
        return ways * pow(rate, Double(events)) * pow(1 - rate, Double(requests - events))
    }

    /// Of each bet, the expectation of what its wealth is multiplied by.
    private static func expectations(
        candidate: (requests: Int, rate: Double),
        stable: (requests: Int, rate: Double),
        _ factors: (ArmPair) -> [Double]
    ) -> [Double] {
        var sums: [Double] = []
        for bad in 0...candidate.requests {
            for worse in 0...stable.requests {
                let weight =
                    probability(bad, of: candidate.requests, candidate.rate)
                    * probability(worse, of: stable.requests, stable.rate)
                let pair = ArmPair(
                    candidate: Tally(requests: candidate.requests, events: bad),
                    stable: Tally(requests: stable.requests, events: worse)
                )
                let terms = factors(pair).map { weight * exp($0) }
                sums = sums.isEmpty ? terms : zip(sums, terms).map(+)
            }
        }
        return sums
    }

    private static let sizes = [(1, 1), (1, 6), (6, 1), (2, 9), (5, 5), (12, 3)]

    @Test(arguments: [(1.25, 0.0005), (1, 0.005), (1.5, 0.001), (1.25, 0.01)])
    func `who bets against an equal candidate does not win`(ratio: Double, margin: Double) {
        let tolerance = Tolerance(ratio: ratio, margin: margin)
        var best = 0.0
        for (candidate, stable) in Self.sizes {
            for rate in Self.rates {
                for badness in [0, 0.5, 1] {
                    let allowed = min(1, (ratio * rate + margin) * badness)
                    let expected = Self.expectations(
                        candidate: (candidate, allowed),
                        stable: (stable, rate)
                    ) { LogFactors.worse($0, than: tolerance) }
                    let isFair = expected.allSatisfy { $0 <= 1 + Self.rounding }
                    #expect(isFair, "\(candidate) and \(stable) requests, \(rate)")
                    best = max(best, expected.max() ?? 0)
                }
            }
        }
        // Nothing is given away either: on the edge of the hypothesis it is all but fair.
        #expect(best > 0.9999)
    }

    @Test(arguments: [(1.5, 0.005), (1, 0)])
    func `who bets on a candidate that is too bad does not win`(ratio: Double, margin: Double) {
        let tolerance = Tolerance(ratio: ratio, margin: margin)
        var best = 0.0
        for (candidate, stable) in Self.sizes {
            for rate in Self.rates where ratio * rate + margin <= 1 {
                for badness in [1, 1.2, 3] {
                    let expected = Self.expectations(
                        candidate: (candidate, min(1, (ratio * rate + margin) * badness)),
                        stable: (stable, rate)
                    ) { LogFactors.good($0, within: tolerance) }
                    let isFair = expected.allSatisfy { $0 <= 1 + Self.rounding }
                    #expect(isFair, "\(candidate) and \(stable) requests, \(rate)")
                    best = max(best, expected.max() ?? 0)
                }
            }
        }
        #expect(best > 0.9999)
    }

    @Test(arguments: [0.001, 0.05, 0.08, 0.5, 0.95])
    func `who bets against a limit that is kept does not win, and on the limit it is fair`(limit: Double) {
        for requests in [1, 4, 15] {
            for part in [0, 0.3, 1] {
                let expected = Self.expectations(
                    candidate: (requests, limit * part),
                    stable: (1, 0)
                ) { LogFactors.above(limit, $0.candidate) }
                #expect(expected.allSatisfy { $0 <= 1 + Self.rounding })
                if part == 1 { #expect(expected.allSatisfy { $0 >= 1 - Self.rounding }) }
            }
        }
    }

    @Test func `events in groups do not win either when their clustering is given`() {
        // Every request brings three events or none: E[S²]/E[S] = 3.
        let tolerance = Tolerance(ratio: 1.25, margin: 0.0005)
        for rate in Self.rates where rate <= 0.3 {
            let allowed = (1.25 * rate + 0.0005)
            func expected(clustering: Double) -> [Double] {
                Self.expectations(candidate: (4, allowed / 3), stable: (8, rate / 3)) { pair in
                    var grouped = pair
                    grouped.candidate.events *= 3
                    grouped.stable.events *= 3
                    return LogFactors.worse(grouped, than: tolerance, clustering: clustering)
                }
            }
            #expect(expected(clustering: 3).allSatisfy { $0 <= 1 + Self.rounding }, "\(rate)")
            if rate == 0 { #expect(expected(clustering: 1).contains { $0 > 1 }) }
        }
    }

    @Test func `restarts at times that no data chose leave the evidence fair`() {
        let tolerance = Tolerance(ratio: 1.25, margin: 0.0005)
        let rate = 0.05
        let arms = (candidate: (3, 1.25 * rate + 0.0005), stable: (4, rate))
        /// All that can happen in `ticks` more ticks; the mean of the evidence at the end.
        func mean(_ process: EProcess, _ stakes: ArraySlice<Double>) -> Double {
            guard let stake = stakes.first else { return exp(process.logEvidence) }
            var staked = process
            staked.stake(stake)
            return Self.expectations(candidate: arms.candidate, stable: arms.stable) { pair in
                var next = staked
                next.multiply(by: LogFactors.worse(pair, than: tolerance))
                return [log(mean(next, stakes.dropFirst()))]
            }.first ?? .nan
        }
        let found = mean(EProcess(), [0.5, 0, 0.3])
        #expect(found <= 1 + Self.rounding)
        #expect(found > 0.99)
        #expect(mean(EProcess(), [0.9, 0.9]) <= 1 + Self.rounding, "there is no more than the whole")
    }

    @Test func `what is staked is never more than the reserve`() {
        var process = EProcess()
        for _ in 0..<1000 { process.stake(0.0123) }
        process.stake(5)
        process.stake(-1)
        process.stake(.nan)
        #expect(abs(process.logEvidence) < 1e-9)
    }

    @Test func `the parts of alpha make the whole and no more`() {
        let configuration = Configuration()
        let total = Metric.allCases.reduce(0) { $0 + exp(-configuration.threshold(of: $1)) }
        #expect(abs(total - configuration.alpha) < 1e-12)
    }
}
