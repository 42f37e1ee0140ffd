import DeployCore
@testable import DeployEngine
@testable import TrafficJudgement

extension TrafficFigures {
    /// What a watch at `candidate` % shows; `errors` of the candidate, 0 through 1.
    static func seen(
        _ watch: Watch,
        errors: Double,
        _ remarks: [String] = [],
        evidence: Evidence? = nil
    ) -> TrafficFigures {
        var share = MeasuredShare(asked: watch.candidate)
        share.add(candidate: Int(watch.candidate.share.value * 99.8), of: 10_000)
        return TrafficFigures(
            watch: watch,
            stable: WatchFigures(requestsPerSecond: 118.4, errorRate: 0.0004, latencyP95: 11.2),
            candidate: WatchFigures(requestsPerSecond: 9.8, errorRate: errors, latencyP95: 1240),
            remarks: remarks,
            share: evidence == nil ? nil : share,
            evidence: evidence
        )
    }
}

extension Evidence {
    /// `part` of what a rollback takes, and `good` of what the next step takes.
    static func of(_ part: Double, good: Double) -> Evidence {
        Evidence(
            against: [Against(metric: "err_rel", logEvidence: part * 5.65, threshold: 5.65)],
            goodErrors: good * 3,
            goodLatency: nil,
            goodThreshold: 3
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
