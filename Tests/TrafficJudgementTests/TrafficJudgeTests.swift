import Testing
import TrafficJudgement

@Suite struct TrafficJudgeTests {
    // MARK: errors

    @Test func `a candidate that only fails goes back at once, with a reason that says it all`() {
        var judge = judge()
        #expect(judge.judge(tick(blue: 200, green: 0)).decision == .fine)
        #expect(judge.judge(tick(blue: 200, green: 3, errors: 3)).decision == .fine)
        let judgement = judge.judge(tick(blue: 200, green: 34, errors: 34))
        #expect(
            judgement.decision
                == .rollBack(
                    "error rate of green 100.0 % (37 of 37 requests in 2 s), limit > 5 %; blue 0.0 %"
                )
        )
        #expect(judgement.remarks.isEmpty)
    }

    @Test(arguments: [
        // requests and errors of green in one second; judged at all; broken
        (19, 2, false), (20, 2, true), (5, 5, true), (10, 5, true), (11, 5, false), (4, 4, false),
        (20, 1, false),
        (100, 5, false), (100, 6, true),
    ])
    func `an error rate needs evidence`(requests: Int, errors: Int, goesBack: Bool) {
        var judge = judge()
        let decision = judge.judge(tick(blue: 100, green: requests, errors: errors)).decision
        #expect((decision != .fine) == goesBack, "\(decision)")
    }

    @Test func `a slow trickle of errors is judged over the whole watch`() throws {
        var judge = judge()
        var decided: Int?
        for second in 0..<60 where decided == nil {
            let decision = judge.judge(tick(blue: 9, green: 1, errors: second % 5 == 0 ? 1 : 0)).decision
            if decision != .fine { decided = second }
        }
        #expect(decided == 19)
    }

    @Test func `errors that are over do not count against a slow service`() {
        var judge = judge()
        for second in 0..<40 {
            let judgement = judge.judge(tick(blue: 9, green: 1, errors: second < 4 ? 1 : 0))
            #expect(judgement.decision == .fine, "second \(second)")
        }
    }

    @Test func `what fails on both sides is nobody's fault and said once`() {
        var judge = judge()
        let first = judge.judge(tick(blue: 100, blueErrors: 60, green: 100, errors: 66))
        #expect(first.decision == .fine)
        #expect(
            first.remarks == [
                "error rate of green 66.0 %, limit > 5 %, but blue is as bad (60.0 %): a common cause, going back would not help"
            ]
        )
        #expect(judge.judge(tick(blue: 100, blueErrors: 60, green: 100, errors: 66)) == Judgement())
    }

    @Test func `a stable side with few errors does not excuse the candidate`() {
        var judge = judge()
        #expect(judge.judge(tick(blue: 1000, blueErrors: 10, green: 100, errors: 20)).decision != .fine)
    }

    @Test func `after an instant switch the candidate is judged alone`() {
        var judge = judge()
        #expect(
            judge.judge(tick(blue: 0, green: 200, errors: 200)).decision
                == .rollBack(
                    "error rate of green 100.0 % (200 of 200 requests in 1 s), limit > 5 %; blue had no requests"
                )
        )
    }

    @Test func `no traffic and no figures are neither for nor against`() {
        var judge = judge()
        for _ in 0..<30 { #expect(judge.judge(tick(blue: 100, green: 0)).decision == .fine) }
        let dark = judge.judge(TrafficTick(.noEvidence("socket gone")))
        #expect(dark == Judgement(.fine, remarks: ["no figures of the traffic: socket gone"]))
        #expect(judge.judge(TrafficTick(.noEvidence("socket gone"))).remarks.isEmpty)
    }

    @Test func `an error rate relative to stable waits for five errors`() throws {
        let rule = try MetricRule(name: "errors", metric: .errorRate, instant: Condition("> 2x stable"))
        var judge = judge(rules: [rule])
        #expect(judge.judge(tick(blue: 1000, green: 100, errors: 4)).decision == .fine)
        #expect(judge.judge(tick(blue: 1000, green: 100, errors: 1)).decision != .fine)
    }

    // MARK: latencies

    @Test func `a slower candidate goes back by steps after five slow seconds`() {
        var judge = judge()
        var decisions: [Judgement.Decision] = []
        for _ in 0..<6 {
            decisions.append(judge.judge(tick(blue: 100, green: 100, blueMs: 10, greenMs: 30)).decision)
        }
        #expect(decisions.prefix(4).allSatisfy { $0 == .fine })
        #expect(
            decisions[4]
                == .rollBackGradually(
                    "p95 of green 30 ms (500 requests in 5 s), limit > 1.5x stable; blue 10 ms"
                )
        )
    }

    @Test(arguments: [
        // both ms, requests per second of both; goes back
        (1.0, 5.9, 100, false), (1.0, 6.5, 100, true), (100.0, 140.0, 100, false), (100.0, 160.0, 100, true),
        (10.0, 30.0, 4, false), (10.0, 30.0, 6, true),
    ])
    func `latency needs a real difference and fifty requests a side`(
        blue: Double,
        green: Double,
        rate: Int,
        goesBack: Bool
    ) {
        var judge = judge()
        var wentBack = false
        for _ in 0..<25 {
            let tick = tick(blue: rate, green: rate, blueMs: blue, greenMs: green)
            if judge.judge(tick).decision != .fine { wentBack = true }
        }
        #expect(wentBack == goesBack)
    }

    @Test func `one slow second is forgiven although the window remembers it`() {
        var judge = judge()
        for second in 0..<40 {
            let green = second == 15 ? 500.0 : 10
            let judgement = judge.judge(tick(blue: 50, green: 50, blueMs: 10, greenMs: green))
            #expect(judgement.decision == .fine, "second \(second)")
        }
    }

    @Test func `both sides over an absolute latency is a common cause`() throws {
        let rule = try MetricRule(name: "p99", metric: .latencyP99, gradual: Condition("> 500ms"))
        var judge = judge(rules: [rule])
        var remarks: [String] = []
        for _ in 0..<20 {
            let judgement = judge.judge(tick(blue: 100, green: 100, blueMs: 700, greenMs: 900))
            #expect(judgement.decision == .fine)
            remarks += judgement.remarks
        }
        #expect(remarks.count == 1)
        #expect(remarks.first?.contains("blue is as slow (") == true)
    }

    // MARK: gauges

    @Test func `a gauge must stay broken, and a missing reading neither mends nor breaks it`() throws {
        let rule = try MetricRule(
            name: "db",
            metric: .gauge("db"),
            instant: Condition("> 900"),
            gradual: Condition("> 500")
        )
        var judge = judge(rules: [rule])
        let decisions = [600, 600, nil, 600, 600, 600].map { value in
            judge.judge(gauge("db", value)).decision
        }
        #expect(decisions.prefix(5).allSatisfy { $0 == .fine })
        #expect(decisions[5] == .rollBackGradually("db is 600, limit > 500"))
        #expect(judge.judge(gauge("db", 950)).decision == .rollBackGradually("db is 950, limit > 500"))
        #expect(judge.judge(gauge("db", 950)).decision == .rollBack("db is 950, limit > 900"))
    }

    @Test func `a warning is a remark when it begins`() throws {
        let rule = try MetricRule(
            name: "sessions",
            metric: .gauge("sessions"),
            warn: Condition("< 0.8x before")
        )
        var judge = judge(rules: [rule], before: ["sessions": 100])
        let remarks = [90, 70, 70, 90, 60].map { judge.judge(gauge("sessions", Double($0))).remarks }
        #expect(
            remarks == [
                [], ["sessions is 70 (before: 100), limit < 0.8x before"], [], [],
                ["sessions is 60 (before: 100), limit < 0.8x before"],
            ]
        )
    }

    // MARK: shared

    private func judge(
        rules: [MetricRule] = MetricRule.defaults,
        before: [String: Double] = [:]
    ) -> TrafficJudge {
        TrafficJudge(stable: "blue", candidate: "green", rules: rules, before: before)
    }
}

func tick(
    blue: Int,
    blueErrors: Int = 0,
    green: Int,
    errors: Int = 0,
    blueMs: Double? = nil,
    greenMs: Double? = nil
) -> TrafficTick {
    func sample(_ requests: Int, _ errors: Int, _ milliseconds: Double?) -> TrafficSample {
        var sample = TrafficSample(requests: requests, errors: errors)
        if let milliseconds { for _ in 0..<requests { sample.latencies.add(milliseconds: milliseconds) } }
        return sample
    }
    return TrafficTick(
        .measured(stable: sample(blue, blueErrors, blueMs), candidate: sample(green, errors, greenMs))
    )
}

func gauge(_ name: String, _ value: Double?) -> TrafficTick {
    let reading: TrafficTick.Reading = value.map { .value($0) } ?? .noEvidence("503")
    return TrafficTick(
        .measured(stable: TrafficSample(), candidate: TrafficSample()),
        gauges: [name: reading]
    )
}
