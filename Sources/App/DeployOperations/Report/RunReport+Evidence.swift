import DeployCore
import SequentialStatistics
import TrafficJudgement

/// What the formats say of the evidence in the same words.
extension RunReport {
    /// Step, errors, latency, and whether that was enough to go on.
    package func certificate(_ step: RunFindings.Certificate, _ findings: RunFindings) -> [String] {
        [
            "step \(step.step), \(Figure.plain(step.share * 100, places: 1)) %", findings.level(step.errors),
            step.latency.map { findings.level($0) } ?? "no durations known",
            step.enoughAt.map { "at \(Clock.time(findings.traffic.time(of: $0)))" } ?? "not in this step",
        ]
    }

    /// The evidence drawn, `width` wide: the fewer points, the narrower.
    package func chart(_ findings: RunFindings, width: Double = TrafficChart.wide) -> TrafficChart {
        let points = Int(Double(TrafficChart.points) * width / TrafficChart.wide)
        return TrafficChart(
            series: series(findings, limit: max(1, points)),
            stable: plan.stable,
            candidate: plan.candidate,
            began: findings.traffic.began,
            shares: shares,
            rollback: findings.traffic.rollback.map { Double($0.second) },
            width: width
        )
    }

    /// What to know of the figures.
    package func remarks(_ findings: RunFindings) -> [String] {
        let silent = findings.silent.map(\.name).joined(separator: ", ")
        let nothing = silent.isEmpty ? [] : ["Nothing spoke against \(plan.candidate) by \(silent)."]
        let method =
            "Evidence is a natural logarithm beside what a rollback, or a step's early end, takes. "
            + "Slow is what took longer than \(plan.stable)'s usual p95; on \(plan.candidate), longer than that by "
            + "more than the tolerance."
        return nothing + unrecorded(findings) + [method] + (reservation.map { [$0] } ?? [])
    }

    /// A process that is killed, or that another takes the run over from, keeps its last seconds for itself.
    private func unrecorded(_ findings: RunFindings) -> [String] {
        let last = findings.traffic.second(of: findings.traffic.ticks.count - 1)
        guard let end = findings.traffic.rollback?.second, end - last > 2 else { return [] }
        return ["Of the last \(end - last) seconds before the way back nothing is on record."]
    }
}
