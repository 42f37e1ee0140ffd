/// Evidence against one hypothesis, as the wealth of a bettor who began with 1.
///
/// The wealth is a reserve and the mean of several bets. Evidence of e says: if the hypothesis were true, it
/// would ever get so high with a probability of at most 1/e. Putting parts of the reserve into play later
/// keeps that true and finds faults that begin late: what is staked anew has not lost anything yet.
public struct EProcess: Hashable, Sendable {
    /// Wealth that is not in play.
    private(set) var reserve = 1.0
    /// ln of each bet's wealth; empty until the first stake.
    private(set) var logBets: [Double] = []
    let betCount: Int

    /// As many bets as the factors that it will be multiplied by; at least one.
    public init(bets: Int = 8) { betCount = max(1, bets) }

    /// Puts `mass` of the reserve into play, as much as there is.
    public mutating func stake(_ mass: Double) {
        let mass = min(mass, reserve)
        guard mass > 0 else { return }
        let added = Natural.log(mass)
        logBets =
            logBets.isEmpty
            ? [Double](repeating: added, count: betCount) : logBets.map { Natural.logOfSum($0, added) }
        reserve = max(0, reserve - mass)
    }

    /// Multiplies the bets; `logFactors` are natural logarithms, in the order of the bets.
    public mutating func multiply(by logFactors: [Double]) {
        for index in logBets.indices.prefix(logFactors.count) { logBets[index] += logFactors[index] }
    }

    /// The natural logarithm of the evidence.
    public var logEvidence: Double {
        let perBet = Natural.log(Double(betCount))
        return logBets.reduce(Natural.log(reserve)) { Natural.logOfSum($0, $1 - perBet) }
    }
}

extension EProcess: Codable {
    private enum Key: String, CodingKey { case reserve, bets, logBets }

    /// Reads a checkpoint; fails on one that no e-process can have written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        betCount = try container.decode(Int.self, forKey: .bets)
        reserve = try container.decode(Double.self, forKey: .reserve)
        logBets = try container.decode([Double].self, forKey: .logBets)
        let isWhole = logBets.isEmpty ? reserve == 1 : logBets.count == betCount
        guard betCount > 0, isWhole, (0...1).contains(reserve), logBets.allSatisfy(\.isFinite) else {
            throw DecodingError.dataCorruptedError(
                forKey: .logBets,
                in: container,
                debugDescription: "a reserve from 0 to 1 and \(betCount) finite bets are expected; found "
                    + "\(reserve) and \(logBets)"
            )
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(betCount, forKey: .bets)
        try container.encode(reserve, forKey: .reserve)
        try container.encode(logBets, forKey: .logBets)
    }
}
