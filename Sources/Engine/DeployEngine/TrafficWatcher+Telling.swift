import DeployCore
import DeployPorts
import TrafficJudgement

/// What a watch tells people and the journal.
extension TrafficWatcher {
    /// Keys of the facts that a later process, or a replay, reads.
    package enum Fact {
        /// When the run's first watch began, in milliseconds.
        package static let began = "began"
        /// What was counted, a line a second.
        package static let ticks = "ticks"
        /// There when the figures are of a gradual rollback: they are no evidence.
        package static let isReturn = "return"
    }

    func report(_ watch: Watch, _ judgement: Judgement, _ share: MeasuredShare) {
        let (figures, evidence) = withJudge(of: watch) { ($0.figures, $0.evidence) }
        observer.watched(
            TrafficFigures(
                watch: watch,
                stable: figures.stable,
                candidate: figures.candidate,
                remarks: judgement.remarks,
                share: share,
                evidence: watch.purpose == .rollback ? nil : evidence
            )
        )
    }

    func figures(of watch: Watch, _ share: MeasuredShare) -> Note {
        let ticks = withJudge(of: watch) { $0.takeTicks() }
        let judge = withJudge(of: watch) { $0 }
        let (stable, candidate) = judge.figures
        var facts = share.facts
        for (side, figures) in [("stable", stable), ("candidate", candidate)] {
            facts["\(side).requests_per_second"] = "\(figures.requestsPerSecond)"
            facts["\(side).error_rate"] = figures.errorRate.map { "\($0)" }
            facts["\(side).latency_p95_ms"] = figures.latencyP95.map { "\($0)" }
        }
        facts[NoticeGrades.slowdownFact] = judge.slowdown.map { "\($0)" }
        facts[Fact.began] = began.map { "\($0.milliseconds)" }
        facts[Fact.ticks] = ticks
        if watch.purpose == .rollback { facts[Fact.isReturn] = "true" }
        for against in judge.evidence?.against ?? [] {
            facts["evidence.\(against.metric)"] = "\(against.logEvidence)"
            facts["threshold.\(against.metric)"] = "\(against.threshold)"
        }
        return Note(topic: "traffic", text: judge.summary().text + share.suffix, facts: facts)
    }

    /// What the candidate did until the decision to take the traffic back.
    func impact(of watch: Watch) -> Note {
        let judge = withJudge(of: watch) { $0 }
        var facts = judge.impact.facts
        facts["severity"] = judge.severity
        facts["retried"] = "\(judge.hidden)"
        facts["abandoned"] = "\(judge.abandoned)"
        var words = judge.impact.words(candidate: plan.candidate.rawValue, stable: plan.stable.rawValue)
        if let slowdown = judge.slowdown, slowdown >= 1.1 {
            let times = Figure.decimal(slowdown, places: 1)
            words += "; p95 at last \(times) times that of \(plan.stable)"
        }
        if judge.hidden > 0 { words += "; retries hid \(judge.hidden) of the failures from users" }
        if judge.abandoned > 0 { words += "; clients that left before their answer: \(judge.abandoned)" }
        return Note(topic: "impact", text: (judge.severity.map { "\($0): " } ?? "") + words, facts: facts)
    }

    /// Without any source there is nothing to judge; the time passes, and the verdict says what it is
    /// worth.
    func blind(until end: Timestamp) async -> Verdict {
        try? await clock.sleep(for: end.since(clock.now()))
        return .passed(
            summary: "nothing was measured: no balancer of the playbook tells what it sees"
                + " (give nginx a `log:`), and no metric is read"
        )
    }

    func conclude(_ watch: Watch, _ course: Course) -> Verdict {
        if let obstacle = course.obstacle { return .inconclusive(reason: obstacle) }
        let summary = withJudge(of: watch) { $0.summary() }
        let text = summary.text + course.share.suffix
        switch summary.evidence {
        case .sufficient: return .passed(summary: text)
        case .few(let reason), .none(let reason):
            let wasDark = !sources.isEmpty && course.darkTicks * 2 > course.ticks
            return wasDark
                ? .inconclusive(reason: "not enough was measured: \(reason)")
                : .passed(summary: "\(text); little evidence: \(reason)")
        }
    }
}

/// How far one watch has come.
struct Course {
    /// When it ends unless something forbids to go on.
    private let planned: Timestamp
    /// When it ends at the latest.
    private let latest: Timestamp
    private(set) var end: Timestamp
    /// Why the run may not go on now.
    private(set) var obstacle: String?
    private(set) var share: MeasuredShare
    private(set) var ticks = 0
    private(set) var darkTicks = 0
    private var told: Set<String> = []

    /// A watch that ended while no process drove the run has seen nothing: it is made up for, in short.
    init(_ watch: Watch, at now: Timestamp, shortest: Span) {
        let length = watch.until.since(watch.since)
        planned = max(watch.until, now.advanced(by: min(shortest, length)))
        latest = planned.advanced(by: length)
        end = planned
        share = MeasuredShare(asked: watch.candidate)
    }

    func lasts(at now: Timestamp) -> Bool { now < end }

    /// Lasts longer while there is an obstacle to going on.
    mutating func heed(_ obstacle: String?) {
        self.obstacle = obstacle
        end = obstacle == nil ? planned : latest
    }

    /// Adds one tick, and to `judgement` what is to be said of it.
    mutating func count(
        _ tick: TrafficTick,
        _ missing: String?,
        _ judgement: inout Judgement,
        _ candidate: EnvironmentName
    ) {
        if case .noEvidence = tick.traffic { darkTicks += 1 }
        ticks += 1
        // The first second may still tell of requests that began under the split before.
        if ticks > 1 { share.add(tick) }
        if let remark = share.takeRemark(candidate) { judgement.remarks.append(remark) }
        guard let missing else { return }
        // The same matter with other numbers is told once a watch, however often it comes and goes.
        let isNew = told.insert(missing.filter { !$0.isNumber }).inserted
        if isNew { judgement.remarks.append("measured \(missing)") }
    }
}

extension Plan {
    /// Each share that is held is a step, and what is watched after the last one.
    func place(of watch: Watch, endsEarly: Bool) -> WatchPlace {
        let share = watch.candidate.share.value / 100
        guard watch.purpose != .rollback else { return WatchPlace(step: 0, of: 2, share: share) }
        let exposures = phases.flatMap { phase -> [Exposure] in
            if case .shift(let shift) = phase { shift.exposures } else { [] }
        }
        let last = max(0, exposures.count - 1)
        let step = watch.purpose == .monitor ? last : exposures.firstIndex(of: watch.candidate) ?? last
        return WatchPlace(
            step: step,
            of: last + 1,
            share: share,
            mayEndEarly: endsEarly && watch.purpose == .hold
        )
    }
}

extension MetricsError {
    var reason: String {
        switch self {
        case .noEvidence(let reason), .unusable(let reason): reason
        }
    }
}
