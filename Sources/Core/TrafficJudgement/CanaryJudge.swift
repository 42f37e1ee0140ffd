public import SequentialStatistics

/// Judges the candidate of one run: by the evidence of the whole run, and by the limits of the playbook.
///
/// The evidence compares the candidate with the stable environment second by second and may be looked at as
/// often as one likes; it carries over from one watch of the run to the next, and ``restore(_:)`` takes it up
/// after a crash. Limits that evidence cannot speak about (numbers of the application, absolute durations)
/// are judged by ``TrafficJudge``, in each watch anew. Equal ticks give equal judgements.
public struct CanaryJudge: Sendable {
    let settings: JudgeSettings
    let latency: LatencyFactors
    var monitor: Monitor
    var limits: TrafficJudge
    var place: WatchPlace
    /// The latest judgement of the monitor.
    var latest: SequentialStatistics.Judgement?
    /// The stable environment's durations, lately.
    private var durations = DecayingHistogram()
    /// The latest tick's, in seconds since the run's first watch began.
    private var lastStart: Double?
    private var step: (number: Int, start: Double)?
    /// Ticks that ``takeTicks()`` has not given away.
    private var fresh: [Tick] = []
    /// All ticks of this judge.
    private(set) public var impact = Impact([])
    /// Failures of the candidate that a retry hid from users, as far as this judge has seen.
    private(set) public var hidden = 0
    /// Clients that left the candidate before their answer was complete, as far as this judge has seen.
    private(set) public var abandoned = 0
    var hasDurations = false
    /// The matter of the latest remark of the evidence, while it lasts.
    private var standing: String?
    private var hasToldOfRollback = false
    private let rules: [MetricRule]
    private let names: (stable: String, candidate: String)

    /// Fewer durations of the stable environment say little of its 95th percentile.
    private static let neededDurations = 50.0

    /// `stable` and `candidate` are the environments' names in reasons and summaries.
    public init(
        stable: String,
        candidate: String,
        rules: [MetricRule] = MetricRule.defaults,
        settings: JudgeSettings = JudgeSettings()
    ) {
        self.settings = settings
        place = WatchPlace(step: 0, of: 1, share: 1)
        names = (stable, candidate)
        let division = RuleDivision(rules, settings)
        self.rules = division.limits
        latency = division.latency
        monitor = Monitor(division.configuration)
        limits = TrafficJudge(stable: stable, candidate: candidate, rules: division.limits)
    }

    /// Takes up the evidence of what an earlier process counted in the run, oldest first.
    ///
    /// `journalled` are what ``takeTicks()`` gave; what is no tick is left out: a gap costs speed, not validity.
    public mutating func restore(_ journalled: some Sequence<String>) {
        for text in journalled { for tick in Self.ticks(in: text) { observe(tick) } }
    }

    /// What ``takeTicks()`` wrote.
    public static func ticks(in text: String) -> [Tick] {
        text.split(separator: "\n").compactMap { Tick(String($0)) }
    }

    /// Begins another watch of the run; `before` is what was measured before the candidate got traffic.
    public mutating func begin(at place: WatchPlace, before: [String: Double]) {
        self.place = place
        standing = nil
        hasToldOfRollback = false
        limits = TrafficJudge(
            stable: names.stable,
            candidate: names.candidate,
            rules: rules,
            before: before
        )
    }

    /// Takes in what became known `seconds` after the run's first watch began, and says what follows.
    ///
    /// Back at once goes before back by steps, and both before everything else.
    public mutating func judge(_ tick: TrafficTick, at seconds: Double) -> Judgement {
        var judgement = limits.judge(tick)
        guard case .measured(let stable, let candidate) = tick.traffic,
            let counted = count(stable, candidate, at: seconds)
        else { return judgement }
        fresh.append(counted)
        observe(counted)
        if hidden == 0, candidate.retried > 0 {
            judgement.remarks.append("retries hide failures of \(names.candidate) from users; they count")
        }
        hidden += candidate.retried
        abandoned += candidate.abandoned
        durations.decay(seconds: max(0, tick.seconds))
        for (milliseconds, number) in stable.latencies.durations {
            durations.add(milliseconds, weight: Double(number))
        }
        let found = finding()
        judgement.decision = judgement.decision.graver(than: found)
        if settings.isDryRun, judgement.decision.isRollback { judgement = dry(judgement) }
        if let remark = found.remark, remark.key != standing { judgement.remarks.append(remark.text) }
        standing = found.remark?.key
        return judgement
    }

    /// How the evidence is judged: what the playbook asks, as the judge takes it.
    public var configuration: Configuration { monitor.configuration }

    /// Whether something was counted since ``takeTicks()``.
    public var hasNews: Bool { !fresh.isEmpty }

    /// What was counted since it was asked for last, a line a second, for the journal; `nil` when nothing was.
    public mutating func takeTicks() -> String? {
        defer { fresh = [] }
        return fresh.isEmpty ? nil : fresh.map(\.description).joined(separator: "\n")
    }

    /// What the watch has measured so far, and whether that is enough to call its limits kept.
    public func summary() -> WatchSummary {
        let summary = limits.summary()
        guard case .sufficient = summary.evidence, limits.requiresLatency, !hasDurations else {
            return summary
        }
        return WatchSummary(text: summary.text, evidence: .few("no source knows durations"))
    }

    /// The last seconds of both sides.
    public var figures: (stable: WatchFigures, candidate: WatchFigures) { limits.figures }

    /// How grave the candidate's errors and slowness of the last seconds are; `nil` when no name is for it.
    public var severity: String? {
        settings.severities.first(for: limits.window.recent.candidate.errorRate, slowdown: slowdown)
    }

    /// The candidate's p95 of the last seconds as a multiple of the stable environment's; `nil` where too few
    /// durations of either are known.
    public var slowdown: Double? { limits.slowdown }

    /// How long the current step has been watched.
    var secondsInStep: Double {
        guard let step, let lastStart else { return 0 }
        return lastStart - step.start + monitor.configuration.tick
    }

    // MARK: counting

    private mutating func observe(_ tick: Tick) {
        if tick.candidate.timed > 0 { hasDurations = true }
        lastStart = tick.start
        if step?.number != tick.step { step = (tick.step, tick.start) }
        impact.add(tick)
        latest = monitor.observe(tick)
    }

    /// `nil` for counts that no second can have.
    ///
    /// Starts are whole seconds that never come twice: the reserve of evidence is put into play by them.
    private func count(_ stable: TrafficSample, _ candidate: TrafficSample, at seconds: Double) -> Tick? {
        let start = max((lastStart ?? -1) + 1, seconds.rounded())
        let tail = durations.weight >= Self.neededDurations ? durations.quantile(0.95) : nil
        return try? Tick(
            start: start,
            step: place.step,
            of: place.steps,
            share: place.share,
            candidate: Tick.Arm(
                requests: candidate.requests,
                errors: candidate.errors,
                timed: tail == nil ? 0 : candidate.latencies.count,
                slow: tail.map { candidate.latencies.count(above: latency.slow(than: $0)) } ?? 0,
                verySlow: tail.map { candidate.latencies.count(above: latency.verySlow(than: $0)) } ?? 0
            ),
            stable: Tick.Arm(
                requests: stable.requests,
                errors: stable.errors,
                timed: tail == nil ? 0 : stable.latencies.count,
                slow: tail.map { stable.latencies.count(above: $0) } ?? 0
            )
        )
    }

    /// Tells, once in a watch, what would have been done.
    private mutating func dry(_ judgement: Judgement) -> Judgement {
        guard !hasToldOfRollback, let reason = judgement.decision.reason else {
            return Judgement(.fine, remarks: judgement.remarks)
        }
        hasToldOfRollback = true
        return Judgement(.fine, remarks: judgement.remarks + ["dry run, not rolled back: \(reason)"])
    }
}
