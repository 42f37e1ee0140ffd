public import SequentialStatistics

/// What a candidate did to the users of a service.
public struct Impact: Hashable, Sendable {
    /// The candidate's.
    public private(set) var requests = 0
    /// The candidate's.
    public private(set) var failed = 0
    /// Of both environments.
    public private(set) var allRequests = 0
    /// Seconds in which something was measured.
    public private(set) var seconds = 0.0
    /// The stable environment's.
    public private(set) var stableFailed = 0

    /// Of what was measured second by second.
    public init(_ ticks: some Sequence<Tick>) {
        for tick in ticks { add(tick) }
    }

    mutating func add(_ tick: Tick) {
        requests += tick.candidate.requests
        failed += tick.candidate.errors
        allRequests += tick.candidate.requests + tick.stable.requests
        stableFailed += tick.stable.errors
        seconds += 1
    }

    /// Failures that the stable environment's error rate of the same time does not explain.
    public var caused: Int {
        let stable = allRequests - requests
        let expected = stable > 0 ? Double(requests) * Double(stableFailed) / Double(stable) : 0
        return max(0, failed - Int(expected.rounded()))
    }

    public var stableRequests: Int { allRequests - requests }

    /// For a person: `7 of 153 requests to green failed in 8 s, 7 more than at blue's error rate; 0.5 % of all requests`.
    public func words(candidate: String, stable: String) -> String {
        guard requests > 0 else { return "\(candidate) had no requests" }
        let what = "of \(Figure.count(requests)) requests to \(candidate) failed in \(Int(seconds)) s"
        guard failed > 0 else { return "none \(what)" }
        guard caused > 0 else {
            return "\(Figure.count(failed)) \(what), no more than at \(stable)'s error rate"
        }
        let share = Double(caused) / Double(max(1, allRequests))
        return
            "\(Figure.count(failed)) \(what), \(Figure.count(caused)) more than at \(stable)'s error rate; "
            + "\(Figure.percent(share)) of all requests"
    }

    /// For programs.
    public var facts: [String: String] {
        [
            "impact.requests": "\(requests)", "impact.failed": "\(failed)", "impact.caused": "\(caused)",
            "impact.all_requests": "\(allRequests)", "impact.seconds": "\(Int(seconds))",
        ]
    }
}
