/// Compares the candidate with its limits and with the stable environment, tick by tick.
///
/// Equal ticks give equal judgements: no clock, no chance. A limit is broken only on enough evidence, and
/// what hurts both sides alike is nobody's fault: going back would not help.
public struct TrafficJudge: Hashable, Sendable {
    let stable: String
    let candidate: String
    let rules: [MetricRule]
    /// What was measured before the candidate got traffic, by rule name.
    let before: [String: Double]
    let needs: EvidenceNeeds
    var window: TrafficWindow
    /// As `rules`.
    var records: [Record]
    var lastMissing: String?
    private var standing: Set<String> = []

    /// What became of one rule so far.
    struct Record: Hashable, Sendable {
        var instantStreak = 0
        var gradualStreak = 0
        /// Ticks in which there was enough to judge it.
        var judged = 0
        /// Ticks in which its gauge gave nothing.
        var missing = 0
        var lastValue: Double?
        var lastReason: String?
    }

    /// `stable` and `candidate` are the environments' names in reasons and summaries.
    public init(
        stable: String,
        candidate: String,
        rules: [MetricRule] = MetricRule.defaults,
        before: [String: Double] = [:],
        needs: EvidenceNeeds = EvidenceNeeds()
    ) {
        self.stable = stable
        self.candidate = candidate
        self.rules = rules
        self.before = before
        self.needs = needs
        window = TrafficWindow(ticks: needs.windowTicks)
        records = [Record](repeating: Record(), count: rules.count)
    }

    /// Takes in one tick and says what follows from all so far.
    ///
    /// Back at once goes before back by steps.
    public mutating func judge(_ tick: TrafficTick) -> Judgement {
        window.add(tick)
        var remarks: [(key: String, text: String)] = []
        if case .noEvidence(let reason) = tick.traffic {
            lastMissing = reason
            remarks.append(("traffic", "no figures of the traffic: \(reason)"))
        }
        var instant: String?
        var gradual: String?
        for index in rules.indices {
            let finding = judge(rule: index, tick)
            remarks += finding.remarks
            instant = instant ?? finding.instant
            gradual = gradual ?? finding.gradual
        }
        let isNew = remarks.filter { !standing.contains($0.key) }
        standing = Set(remarks.map(\.key))
        let decision: Judgement.Decision =
            if let instant { .rollBack(instant) } else if let gradual { .rollBackGradually(gradual) } else {
                .fine
            }
        return Judgement(decision, remarks: isNew.map(\.text))
    }

    /// The last seconds of both sides.
    public var figures: (stable: WatchFigures, candidate: WatchFigures) {
        let recent = window.recent
        func figures(_ sample: TrafficSample) -> WatchFigures {
            WatchFigures(
                requestsPerSecond: recent.seconds > 0 ? Double(sample.requests) / recent.seconds : 0,
                errorRate: sample.errorRate,
                latencyP95: sample.latencies.percentile(0.95)
            )
        }
        return (figures(recent.stable), figures(recent.candidate))
    }

    /// The candidate's p95 of the last seconds as a multiple of the stable side's; 1 where the difference is nobody's
    /// fault, `nil` where too few durations of either side are known.
    var slowdown: Double? {
        let (ours, theirs) = (window.recent.candidate.latencies, window.recent.stable.latencies)
        guard ours.count >= needs.durations, theirs.count >= needs.durations,
            let candidate = ours.percentile(0.95), let stable = theirs.percentile(0.95), stable > 0
        else { return nil }
        return candidate - stable < needs.latencyFloor ? 1 : candidate / stable
    }

    // MARK: one rule

    private struct Finding {
        var instant: String?
        var gradual: String?
        var remarks: [(key: String, text: String)] = []
    }

    private mutating func judge(rule index: Int, _ tick: TrafficTick) -> Finding {
        let rule = rules[index]
        var record = records[index]
        defer { records[index] = record }
        var finding = Finding()
        note(tick, of: rule, in: &record, &finding.remarks)
        let conditions = [rule.instant, rule.gradual, rule.warn]
        let assessments = conditions.map { $0.map { assess(rule, $0, tick) } }
        if assessments.contains(where: { $0?.isJudgement == true }) { record.judged += 1 }
        for case .few(let reason) in assessments { record.lastReason = reason }
        for case .common(let text) in assessments.prefix(2) {
            finding.remarks.append(("common \(rule.name)", text))
            break
        }
        if let text = Self.count(
            assessments[0],
            &record.instantStreak,
            needed: ticks(for: rule, instant: true)
        ) {
            finding.instant = text
        }
        if let text = Self.count(
            assessments[1],
            &record.gradualStreak,
            needed: ticks(for: rule, instant: false)
        ) {
            finding.gradual = text
        }
        if case .broken(let text) = assessments[2] {
            finding.remarks.append(("warn \(rule.name)", text))
        }
        return finding
    }

    /// How many ticks in a row a limit must be broken.
    private func ticks(for rule: MetricRule, instant: Bool) -> Int {
        switch rule.metric {
        case .errorRate: instant ? 1 : needs.lasting
        case .latencyP95, .latencyP99: needs.lasting
        case .gauge: instant ? needs.readings : needs.lasting
        }
    }

    /// Carries the streak on; returns the reason once it is long enough.
    private static func count(_ assessment: Assessment?, _ streak: inout Int, needed: Int) -> String? {
        switch assessment {
        case .broken(let text):
            streak += 1
            return streak >= needed ? text : nil
        case .kept, .common:
            streak = 0
            return nil
        case .few, .nothingNew, nil:
            return nil
        }
    }

    private func note(
        _ tick: TrafficTick,
        of rule: MetricRule,
        in record: inout Record,
        _ remarks: inout [(key: String, text: String)]
    ) {
        guard case .gauge(let name) = rule.metric else { return }
        switch tick.gauges[name] {
        case .value(let value):
            record.lastValue = value
        case .noEvidence(let reason):
            record.missing += 1
            record.lastReason = reason
            remarks.append(("gauge \(rule.name)", "no value of \(rule.name): \(reason)"))
        case nil: break
        }
    }
}
