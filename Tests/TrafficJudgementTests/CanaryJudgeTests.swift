import SequentialStatistics
import Testing
import TrafficJudgement

/// The candidate beside the stable environment: 20 and 180 requests a second unless a test says otherwise.
@Suite struct CanaryJudgeTests {
    private typealias Judgement = TrafficJudgement.Judgement

    // MARK: bad candidates

    @Test func `five percent of errors are found in seconds, and the reason says how sure it is`() throws {
        var judge = judge()
        let found = rollback(of: &judge, in: 0..<60) { _ in tick(errors: 1) }
        let (second, reason) = try #require(found)
        #expect(second < 15)
        #expect(reason.hasPrefix("error rate of green 5.0 % ("), "\(reason)")
        #expect(reason.contains("worse than blue: 0.0 %"), "\(reason)")
        #expect(reason.contains("a version that is no worse looks so in less than 1 of "), "\(reason)")
    }

    @Test func `failures that retries hide are told once and counted`() {
        var judge = judge()
        let hiding = TrafficTick(
            .measured(
                stable: TrafficSample(requests: 180),
                candidate: TrafficSample(requests: 20, errors: 1, retried: 1, abandoned: 2)
            )
        )
        let remarks = (0..<3).flatMap { judge.judge(hiding, at: Double($0)).remarks }
        #expect(remarks.filter { $0.contains("retries hide failures of green") }.count == 1)
        #expect(judge.hidden == 3 && judge.abandoned == 6)
    }

    @Test func `a candidate that only fails is found at once`() throws {
        var judge = judge()
        let found = rollback(of: &judge, in: 0..<60) { _ in tick(errors: 20) }
        let (second, _) = try #require(found)
        #expect(second <= 1)
    }

    @Test func `errors that both sides have are held, not rolled back`() {
        var judge = judge(rules: MetricRule.defaults)
        var last = Judgement()
        for second in 0..<60 {
            last = judge.judge(tick(errors: 4, blueErrors: 36), at: Double(second))
            #expect(!isRollback(last))
        }
        guard case .hold(let reason) = last.decision else {
            Issue.record("held was expected: \(last)")
            return
        }
        #expect(reason.contains("a common cause, going back would not help"), "\(reason)")
    }

    @Test func `a doubled latency takes the traffic back by steps`() throws {
        var judge = judge()
        for second in 0..<45 { _ = judge.judge(tick(ms: 40, blueMs: 40), at: Double(second)) }
        var decided: (second: Int, decision: Judgement.Decision)?
        for second in 45..<180 where decided == nil {
            let decision = judge.judge(tick(ms: 80, blueMs: 40), at: Double(second)).decision
            if decision != .fine, !isHold(decision) { decided = (second, decision) }
        }
        let (second, decision) = try #require(decided)
        #expect(second < 75)
        guard case .rollBackGradually(let reason) = decision else {
            Issue.record("by steps was expected: \(decision)")
            return
        }
        #expect(reason.contains("p95 of green"), "\(reason)")
        #expect(reason.contains("slower than 1.25x the p95 of blue"), "\(reason)")
    }

    @Test func `three milliseconds more are nobody's fault`() {
        var judge = judge()
        for second in 0..<300 {
            let judgement = judge.judge(tick(ms: 5, blueMs: 2), at: Double(second))
            #expect(!isRollback(judgement))
        }
    }

    // MARK: good candidates

    @Test func `a good candidate ends its hold after a minute, where the playbook allows it`() {
        for mayEndEarly in [true, false] {
            var judge = judge(mayEndEarly: mayEndEarly)
            var early: Int?
            for second in 0..<300 where early == nil {
                let decision = judge.judge(tick(ms: 20, blueMs: 20), at: Double(second)).decision
                #expect(!isRollback(Judgement(decision)))
                if case .endEarly(let reason) = decision {
                    early = second
                    #expect(reason.contains("and is not slower"), "\(reason)")
                }
            }
            #expect((early != nil) == mayEndEarly)
            #expect(early.map { $0 >= 59 } ?? true)
            #expect(judge.isCertified)
        }
    }

    @Test func `where no durations are known, errors alone end a hold, and it is said`() throws {
        var judge = judge(mayEndEarly: true)
        var reason: String?
        for second in 0..<300 where reason == nil {
            if case .endEarly(let text) = judge.judge(tick(), at: Double(second)).decision { reason = text }
        }
        #expect(try #require(reason).contains("no durations are known"))
        #expect(judge.evidence?.goodLatency == nil)
    }

    @Test func `a latency that the playbook asks for must have been measured`() throws {
        let asked = try MetricRule(
            name: "latency_p95",
            metric: .latencyP95,
            gradual: try Condition("> 1.5x stable")
        )
        var judge = judge(rules: [.errorRate, asked], mayEndEarly: true)
        for second in 0..<300 {
            let decision = judge.judge(tick(), at: Double(second)).decision
            #expect(decision == .fine)
        }
        guard case .few(let reason) = judge.summary().evidence else {
            Issue.record("little evidence was expected: \(judge.summary())")
            return
        }
        #expect(reason.contains("durations"))
    }

    @Test func `no requests at all hold nobody up`() {
        var judge = judge()
        let silent = TrafficTick(.measured(stable: TrafficSample(), candidate: TrafficSample()))
        var remarks: [String] = []
        for second in 0..<120 {
            let judgement = judge.judge(silent, at: Double(second))
            #expect(judgement.decision == .fine)
            remarks += judgement.remarks
        }
        #expect(remarks == ["no requests at all"])
    }

    // MARK: a run of several watches

    @Test func `evidence carries over from watch to watch, and from process to process`() throws {
        var whole = judge()
        for second in 0..<5 { _ = whole.judge(tick(errors: 1), at: Double(second)) }
        let given = whole.takeTicks()
        let journalled = try #require(given)
        #expect(!whole.hasNews)
        var resumed = CanaryJudge(stable: "blue", candidate: "green")
        resumed.restore([journalled, "no ticks"])
        #expect(resumed.evidence == whole.evidence)
        let next = WatchPlace(step: 1, of: 3, share: 0.25)
        whole.begin(at: next, before: [:])
        resumed.begin(at: next, before: [:])
        let oneFound = rollback(of: &whole, in: 40..<80) { _ in tick(errors: 1) }
        let one = try #require(oneFound)
        let otherFound = rollback(of: &resumed, in: 40..<80) { _ in tick(errors: 1) }
        let other = try #require(otherFound)
        #expect(one.second == other.second)
        var fresh = judge(at: WatchPlace(step: 1, of: 3, share: 0.25))
        let lateFound = rollback(of: &fresh, in: 40..<80) { _ in tick(errors: 1) }
        let late = try #require(lateFound)
        #expect(one.second < late.second)
    }

    @Test func `two looks within a second are two ticks`() {
        var judge = judge()
        for _ in 0..<3 { _ = judge.judge(tick(), at: 7.2) }
        let starts = CanaryJudge.ticks(in: judge.takeTicks() ?? "").map(\.start)
        #expect(starts == [7, 8, 9])
    }

    // MARK: settings

    @Test func `a limit of the playbook is the judge's limit`() throws {
        let strict = try MetricRule(
            name: "error_rate",
            metric: .errorRate,
            instant: try Condition("> 2%")
        )
        var settings = JudgeSettings()
        settings.compares = false
        var judge = judge(rules: [strict], settings: settings)
        let decided = rollback(of: &judge, in: 0..<300) { _ in tick(requests: 100, errors: 4) }
        let found = try #require(decided)
        #expect(found.reason.contains("limit > 2.0 %"), "\(found.reason)")
        var patient = self.judge(settings: settings)
        let never = rollback(of: &patient, in: 0..<300) { _ in tick(requests: 100, errors: 4) }
        #expect(never == nil)
    }

    @Test func `a dry run tells once what would have been done`() {
        var settings = JudgeSettings()
        settings.isDryRun = true
        var judge = judge(settings: settings)
        var remarks: [String] = []
        for second in 0..<60 {
            let judgement = judge.judge(tick(errors: 10), at: Double(second))
            #expect(judgement.decision == .fine)
            remarks += judgement.remarks
        }
        #expect(remarks.count == 1)
        #expect(remarks.first?.hasPrefix("dry run, not rolled back: error rate of green") == true)
    }

    @Test func `clustered errors take more evidence`() throws {
        var settings = JudgeSettings()
        settings.clustering = 5
        var doubting = judge(settings: settings)
        var trusting = judge()
        let slowFound = rollback(of: &doubting, in: 0..<200) { _ in tick(errors: 1) }
        let slow = try #require(slowFound)
        let quickFound = rollback(of: &trusting, in: 0..<200) { _ in tick(errors: 1) }
        let quick = try #require(quickFound)
        #expect(slow.second > 2 * quick.second)
    }

    @Test func `the impact is what the stable environment's error rate does not explain`() {
        var judge = judge(settings: Self.graded)
        for second in 0..<10 { _ = judge.judge(tick(errors: 2, blueErrors: 9), at: Double(second)) }
        // 20 of 200 failed; blue fails with 5 %.
        #expect(judge.impact.caused == 10)
        #expect(
            judge.impact.words(candidate: "green", stable: "blue")
                == "20 of 200 requests to green failed in 10 s, 10 more than at blue's error rate; 0.5 % of all requests"
        )
        #expect(judge.severity == "P0")
    }

    @Test func `how much slower it was is known only with enough durations, and not by a hair`() {
        func slowdown(_ stable: Double, _ candidate: Double, seconds: Int) -> Double? {
            var judge = judge()
            for second in 0..<seconds {
                _ = judge.judge(tick(ms: candidate, blueMs: stable), at: Double(second))
            }
            return judge.slowdown
        }
        #expect(slowdown(20, 60, seconds: 1) == nil)
        #expect(slowdown(2, 5, seconds: 10) == 1)
        let three = slowdown(20, 60, seconds: 10) ?? 0
        #expect(abs(three - 3) < 0.2, "\(three)")
    }

    @Test func `where nothing failed the impact says so`() {
        func words(_ errors: Int, _ blueErrors: Int) -> String {
            var judge = judge()
            for second in 0..<10 {
                _ = judge.judge(tick(errors: errors, blueErrors: blueErrors), at: Double(second))
            }
            return judge.impact.words(candidate: "green", stable: "blue")
        }
        #expect(words(0, 0) == "none of 200 requests to green failed in 10 s")
        #expect(
            words(1, 20) == "10 of 200 requests to green failed in 10 s, no more than at blue's error rate"
        )
    }

    private static var graded: JudgeSettings {
        var settings = JudgeSettings()
        for (name, text) in [("P0", "> 5%"), ("P1", "> 3%")] {
            if let condition = try? Condition(text) {
                settings.severities.append(Severity(name: name, errors: condition))
            }
        }
        return settings
    }

    // MARK: parts

    private func judge(
        rules: [MetricRule] = MetricRule.defaults,
        settings: JudgeSettings = JudgeSettings(),
        mayEndEarly: Bool = false,
        at place: WatchPlace? = nil
    ) -> CanaryJudge {
        var judge = CanaryJudge(stable: "blue", candidate: "green", rules: rules, settings: settings)
        let first = WatchPlace(step: 0, of: 3, share: 0.1, mayEndEarly: mayEndEarly)
        judge.begin(at: place ?? first, before: [:])
        return judge
    }

    private func tick(
        requests: Int = 20,
        errors: Int = 0,
        ms: Double? = nil,
        blueErrors: Int = 0,
        blueMs: Double? = nil
    ) -> TrafficTick {
        func sample(_ requests: Int, _ errors: Int, _ ms: Double?) -> TrafficSample {
            var latencies = LatencyHistogram()
            // A tail, so that the 95th percentile means something.
            for number in 0..<requests {
                if let ms { latencies.add(milliseconds: ms * Double(80 + number % 20) / 100) }
            }
            return TrafficSample(requests: requests, errors: errors, latencies: latencies)
        }
        return TrafficTick(
            .measured(stable: sample(180, blueErrors, blueMs), candidate: sample(requests, errors, ms))
        )
    }

    private func rollback(
        of judge: inout CanaryJudge,
        in seconds: Range<Int>,
        _ tick: (Int) -> TrafficTick
    ) -> (second: Int, reason: String)? {
        for second in seconds {
            if case .rollBack(let reason) = judge.judge(tick(second), at: Double(second)).decision {
                return (second - seconds.lowerBound, reason)
            }
        }
        return nil
    }

    private func isRollback(_ judgement: Judgement) -> Bool {
        switch judgement.decision {
        case .rollBack, .rollBackGradually: true
        case .fine, .hold, .endEarly: false
        }
    }

    private func isHold(_ decision: Judgement.Decision) -> Bool {
        if case .hold = decision { true } else { false }
    }
}
