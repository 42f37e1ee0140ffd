import Testing
import TrafficJudgement

@testable import MetricSources

@Suite struct HAProxyLedgerTests {
    @Test func `an error that is counted a look after its request is no request more in the end`() throws {
        var ledger = HAProxyLedger()
        let readings = [
            counters(), counters(requests: 1), counters(requests: 1, errors: 1),
            counters(requests: 5, errors: 1),
        ]
        var sum = TrafficSample()
        for (old, new) in zip(readings, readings.dropFirst()) {
            let next = ledger.sample(from: old, to: new)
            let sample = try #require(next)
            #expect(sample.errors <= sample.requests)
            sum += sample
        }
        #expect(sum == TrafficSample(requests: 5, errors: 1))
    }

    @Test func `a counter that went back is no sample`() {
        var ledger = HAProxyLedger()
        #expect(ledger.sample(from: counters(requests: 2), to: counters(requests: 1)) == nil)
        #expect(ledger.sample(from: counters(errors: 2), to: counters(errors: 1)) == nil)
    }

    @Test(arguments: [
        // requests, errors, repeated, redispatched → errors, retried
        (10, 0, 4, 0, 4, 4),
        // Requests that failed for good were tried again too: three times, as HAProxy does by default.
        (10, 5, 15, 0, 5, 0), (10, 2, 10, 0, 6, 4),
        // Given to another server: an error that HAProxy counts, and one retry.
        (10, 5, 0, 5, 5, 5),
        // At most as many as were answered well.
        (10, 8, 40, 0, 10, 2),
    ])
    func `repeated attempts are reckoned as hidden errors`(
        requests: Int,
        errors: Int,
        repeated: Int,
        redispatched: Int,
        allErrors: Int,
        retried: Int
    ) throws {
        var ledger = HAProxyLedger()
        let now = counters(
            requests: requests,
            errors: errors,
            repeated: repeated,
            redispatched: redispatched
        )
        let plain = ledger.sample(from: counters(), to: now)
        let sample = try #require(plain)
        #expect(sample == TrafficSample(requests: requests, errors: allErrors, retried: retried))
        // A log knows better.
        let logged = ledger.sample(from: counters(), to: now, hidden: 1)
        let told = try #require(logged)
        #expect(told.errors == errors + 1 && told.retried == redispatched + 1)
    }

    private func counters(
        requests: Int = 0,
        errors: Int = 0,
        repeated: Int = 0,
        redispatched: Int = 0
    ) -> HAProxyCounters.Server {
        HAProxyCounters.Server(
            requests: requests,
            errors: errors,
            repeated: repeated,
            redispatched: redispatched,
            abandoned: 0
        )
    }
}
