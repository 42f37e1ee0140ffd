import DeployCore
@testable import DeployEngine
@testable import TrafficJudgement

extension TrafficFigures {
    /// What a watch at `candidate` % shows; `errors` of the candidate, 0 through 1.
    static func seen(_ watch: Watch, errors: Double, _ remarks: [String] = []) -> TrafficFigures {
        TrafficFigures(
            watch: watch,
            stable: WatchFigures(requestsPerSecond: 118.4, errorRate: 0.0004, latencyP95: 11.2),
            candidate: WatchFigures(requestsPerSecond: 9.8, errorRate: errors, latencyP95: 1240),
            remarks: remarks
        )
    }
}

extension RunState {
    /// The watch that is under way.
    var watch: Watch? {
        for pending in pending {
            if case .watch(let watch) = pending.effect { return watch }
        }
        return nil
    }
}
