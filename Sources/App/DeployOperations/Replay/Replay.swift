package import SequentialStatistics

/// What a judge decides upon recorded ticks, second by second.
///
/// It knows the evidence only: limits of numbers of the application and of absolute durations are not on
/// record second by second.
package struct Replay {
    /// A verdict where it begins; once a step for one that changes nothing afterwards.
    package struct Decision {
        package let tick: Int
        package let verdict: SequentialStatistics.Verdict
        /// The candidate is shown to be good enough for the next step.
        package let isGood: Bool
    }

    /// The most that was known against a candidate by one metric.
    package struct Peak {
        package let metric: Metric
        package let logEvidence: Double
        package let threshold: Double
        package let tick: Int
        /// From here the evidence rose to the peak.
        package let since: Int

        /// Of what a rollback takes; 1 and more is enough.
        package var part: Double { threshold > 0 ? max(0, logEvidence) / threshold : 0 }
    }

    package let configuration: Configuration
    package let ticks: [Tick]
    /// One for each tick.
    package let judgements: [SequentialStatistics.Judgement]
    package let decisions: [Decision]

    package init(_ ticks: [Tick], by judge: RunJudge) {
        self.ticks = ticks
        configuration = judge.configuration
        var monitor = Monitor(judge.configuration)
        var judgements: [SequentialStatistics.Judgement] = []
        var decisions: [Decision] = []
        var course = Course(judge)
        for (index, tick) in ticks.enumerated() {
            let judgement = monitor.observe(tick)
            judgements.append(judgement)
            if let decision = course.decision(upon: judgement, tick, index) { decisions.append(decision) }
        }
        self.judgements = judgements
        self.decisions = decisions
    }

    package var rollback: Decision? { decisions.first { $0.verdict.rollbackMode != nil } }

    /// Metrics that can lead to a rollback, the one that came nearest to it first.
    package var peaks: [Peak] {
        Metric.allCases.filter { configuration.shares[$0] > 0 }.map { peak(of: $0) }
            .sorted { $0.part > $1.part }
    }

    private func peak(of metric: Metric) -> Peak {
        let threshold = configuration.threshold(of: metric)
        var top = 0
        for index in judgements.indices where evidence(index, metric) > evidence(top, metric) { top = index }
        var since = top
        // Restarts put small stakes into play all the time: what is under a tenth is not yet a rise.
        while since > 0, evidence(since - 1, metric) > threshold / 10 { since -= 1 }
        return Peak(
            metric: metric,
            logEvidence: judgements.isEmpty ? 0 : evidence(top, metric),
            threshold: threshold,
            tick: top,
            since: since
        )
    }

    private func evidence(_ index: Int, _ metric: Metric) -> Double { judgements[index].evidence[metric] }
}

/// How far a replay has come: what is told already is not told again.
private struct Course {
    private let judge: RunJudge
    private var hasDurations = false
    private var step: (number: Int, start: Double)?
    /// Of the current step.
    private var isGood = false
    private var isInconclusive = false
    private var standing: String?
    private var isOver = false

    init(_ judge: RunJudge) { self.judge = judge }

    mutating func decision(
        upon judgement: SequentialStatistics.Judgement,
        _ tick: Tick,
        _ index: Int
    ) -> Replay.Decision? {
        if tick.candidate.timed > 0 { hasDurations = true }
        if step?.number != tick.step {
            step = (tick.step, tick.start)
            (isGood, isInconclusive, standing) = (false, false, nil)
        }
        guard isNews(judgement, tick) else { return nil }
        return Replay.Decision(tick: index, verdict: judgement.verdict, isGood: isGood)
    }

    private mutating func isNews(_ judgement: SequentialStatistics.Judgement, _ tick: Tick) -> Bool {
        defer { standing = judgement.verdict.cause }
        switch judgement.verdict {
        case .rollBack:
            defer { isOver = true }
            return !isOver
        case .hold(.noData(.both)): return false
        case .hold: return standing != judgement.verdict.cause
        case .promote: return certify(tick)
        case .goOn: return isGoodWithoutLatency(judgement, tick) && certify(tick)
        case .inconclusive:
            defer { isInconclusive = true }
            return !isInconclusive && !isGood && !isLast(tick)
        }
    }

    /// Nothing comes after the last step that a certificate could be good for.
    private mutating func certify(_ tick: Tick) -> Bool {
        guard judge.endsEarly, !isGood, !isLast(tick) else { return false }
        isGood = true
        return true
    }

    private func isLast(_ tick: Tick) -> Bool { tick.step == tick.steps - 1 }

    /// As the run's judge does it: where no source knows durations, errors alone decide.
    private func isGoodWithoutLatency(_ judgement: SequentialStatistics.Judgement, _ tick: Tick) -> Bool {
        guard !hasDurations, !judge.requiresLatency, let step else { return false }
        let configuration = judge.configuration
        return judgement.certificates.errors >= configuration.certificateThreshold
            && tick.start - step.start + configuration.tick >= configuration.shortestDwell
    }
}
