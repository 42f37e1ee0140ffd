/// How much traffic a decision needs.
extension Configuration {
    /// What evidence falls behind the best single bet: the part held in reserve, and the spread over the
    /// bets.
    private static let spread = (detection: 2.2, certificate: 1.5)

    /// Candidate requests until an error rate of `rate` is found, on average.
    ///
    /// `stable` is the stable arm's rate, `share` the candidate's share of the traffic. `nil` when no number
    /// is enough: the rate is within the tolerance, or an arm has no traffic.
    public func requestsToDetect(_ rate: Double, against stable: Double, share: Double) -> Double? {
        Self.requests(threshold(of: .relativeErrors) + Self.spread.detection, share) { ratio, stake in
            let gain = stake * ratio / errors.tolerance.ratio
            return rate * Natural.log1p(gain) + ratio * stable * Natural.log1p(-stake)
                - errors.tolerance.margin * gain
        }
    }

    /// Candidate requests until a step is promoted for its error rate, on average; `nil` as above.
    public func requestsToCertify(_ rate: Double, against stable: Double, share: Double) -> Double? {
        Self.requests(certificateThreshold + Self.spread.certificate, share) { ratio, stake in
            rate * Natural.log1p(-stake) + ratio * stable * Natural.log1p(stake * certificate.ratio / ratio)
                + stake * certificate.margin
        }
    }

    /// Divides what is needed by what the best stake gains with each request.
    ///
    /// `gain` gets the stable arm's requests per candidate request, and the stake.
    private static func requests(
        _ needed: Double,
        _ share: Double,
        gain: (Double, Double) -> Double
    ) -> Double? {
        guard share > 0, share < 1 else { return nil }
        let best = LogFactors.stakes.map { gain((1 - share) / share, $0) }.max() ?? 0
        return best > 0 ? needed / best : nil
    }
}
