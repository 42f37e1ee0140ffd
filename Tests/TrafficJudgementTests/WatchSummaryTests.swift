import Testing
import TrafficJudgement

@Suite struct WatchSummaryTests {
    @Test func `a measured watch says what it measured`() {
        let judge = judged(
            (0..<10).map { _ in tick(blue: 98, green: 123, errors: 0, blueMs: 11, greenMs: 12) }
        )
        #expect(judge.summary().evidence == .sufficient)
        #expect(
            judge.summary().text
                == "green 1,230 requests, 0.0 % errors, p95 12 ms; blue 980 requests, 0.0 % errors, p95 11 ms"
        )
    }

    @Test func `few errors are not shown as none`() {
        let judge = judged([tick(blue: 0, green: 10_000, errors: 1)])
        #expect(judge.summary().text == "green 10,000 requests, < 0.1 % errors; blue no requests")
    }

    @Test func `a source without durations is enough for the default limits`() {
        #expect(judged([tick(blue: 100, green: 100)]).summary().evidence == .sufficient)
    }

    @Test func `limits kept for want of requests are no evidence`() {
        #expect(judged([]).summary().evidence == .none("no figures of the traffic: nothing was measured"))
        #expect(
            judged([TrafficTick(.noEvidence("socket gone"))]).summary().evidence
                == .none("no figures of the traffic: socket gone")
        )
        #expect(judged([tick(blue: 100, green: 0)]).summary().evidence == .none("green had no requests"))
        #expect(
            judged([tick(blue: 100, green: 4)]).summary().evidence
                == .few("green had 4 requests, error_rate needs 20")
        )
    }

    @Test func `a watch in the dark for most of its time is short of evidence`() {
        let ticks = [
            tick(blue: 100, green: 100), TrafficTick(.noEvidence("reload")),
            TrafficTick(.noEvidence("reload")),
        ]
        #expect(
            judged(ticks).summary().evidence == .few("no figures of the traffic in 2 of 3 s: reload")
        )
        #expect(judged(Array(ticks.prefix(2))).summary().evidence == .sufficient)
    }

    @Test func `a gauge that was asked for must have been read`() throws {
        let rule = try MetricRule(name: "db", metric: .gauge("db"), gradual: Condition("> 500"))
        let rules = MetricRule.defaults + [rule]
        var unread = tick(blue: 100, green: 100)
        unread.gauges["db"] = .noEvidence("GET /db answered 503")
        #expect(
            judged([unread], rules).summary().evidence == .few("db was never read: GET /db answered 503")
        )
        var read = unread
        read.gauges["db"] = .value(3)
        #expect(judged([read, unread], rules).summary().evidence == .sufficient)
        #expect(judged([read], rules).summary().text.hasSuffix("; db 3"))
        #expect(
            judged([read, unread, unread], rules).summary().evidence
                == .few("db was missing in 2 of 3 s: GET /db answered 503")
        )
    }

    @Test func `a latency limit of the user's own needs durations`() throws {
        let rule = try MetricRule(
            name: "latency_p95",
            metric: .latencyP95,
            gradual: Condition("> 1.5x stable")
        )
        #expect(
            judged([tick(blue: 100, green: 100)], [MetricRule.errorRate, rule]).summary().evidence
                == .few("latency_p95: the source knows no durations")
        )
    }

    @Test func `figures are those of the last ten seconds`() throws {
        var ticks = (0..<20).map { _ in tick(blue: 10, green: 50, errors: 50, blueMs: 100) }
        ticks += (0..<10).map { _ in tick(blue: 10, green: 5, errors: 1, greenMs: 20) }
        let figures = judged(ticks).figures
        #expect(figures.candidate.requestsPerSecond == 5)
        #expect(figures.candidate.errorRate == 0.2)
        #expect(abs(try #require(figures.candidate.latencyP95) - 20) < 1)
        #expect(figures.stable.requestsPerSecond == 10)
        #expect(figures.stable.latencyP95 == nil)
    }

    @Test func `the same ticks give the same judge`() {
        let ticks = (0..<30).map {
            tick(blue: $0 * 3, green: $0, errors: $0 / 9, blueMs: 5, greenMs: Double($0))
        }
        #expect(judged(ticks) == judged(ticks))
    }

    private func judged(_ ticks: [TrafficTick], _ rules: [MetricRule] = MetricRule.defaults) -> TrafficJudge {
        var judge = TrafficJudge(stable: "blue", candidate: "green", rules: rules)
        for tick in ticks { _ = judge.judge(tick) }
        return judge
    }
}
