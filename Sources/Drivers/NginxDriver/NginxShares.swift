import DeployCore
import DeployPorts
import TrafficShares

/// Shares of the second of two environments, and the weights that give them on nginx.
enum NginxShares {
    /// `nil` when no server takes part.
    static func share(of sides: [[Int]]) -> Percent? {
        TrafficShares.shareOfCandidate(stableWeights: sides[0], candidateWeights: sides[1])?.percent
    }

    /// A weight per server, or `nil` for a side without a share.
    ///
    /// `place` begins the message of an error.
    static func weights(
        of sides: [[Int]],
        second share: Percent,
        place: String
    ) throws(LoadBalancerError) -> [[Int]?] {
        do throws(TrafficSharesError) {
            let split = try TrafficShares.nginxWeights(stable: sides[0], candidate: sides[1], share: share)
            return [split.stable, split.candidate]
        } catch {
            throw .misconfigured("\(place): \(reason(error, share))")
        }
    }

    private static func reason(_ error: TrafficSharesError, _ share: Percent) -> String {
        let largest = TrafficShares.largestWeight
        return switch error {
        case .noServers: "an environment has no server"
        case .tooManyServers: "an environment has more than \(TrafficShares.mostServers) servers"
        case .invalidWeight(let weight, _): "the weight \(weight) is not 1 through \(largest)"
        case .tooUneven:
            "the weights within an environment are too uneven; give its servers weights nearer to each other"
        case .unreachable(let nearest):
            "no weights up to \(largest) give \(share) % with these servers; the nearest is \(nearest.percent) %"
        }
    }
}
