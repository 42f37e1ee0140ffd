import DeployCore
import DeployPorts
import DeployTestKit
import Synchronization
import Testing
import TrafficJudgement

/// Traffic is watched while the candidate has some.
struct WatchTests {
    private static func second(errors: Int) -> ScriptedSource.Second {
        .success([
            Release.blue: TrafficSample(requests: 100),
            Release.green: TrafficSample(requests: 50, errors: errors),
        ])
    }

    private final class StepCounter: Gauge {
        private let reads = Mutex(0)
        let name = "queue"
        func read() async throws(MetricsError) -> Double {
            reads.withLock { count in
                count += 1
                return Double(count)
            }
        }
    }

    private func bench(_ source: ScriptedSource, shares: [Int] = [10, 100]) -> Bench {
        var bench = Bench(Release(shares: shares, hold: .seconds(60), monitor: .seconds(30)))
        bench.sources = [source]
        return bench
    }

    @Test func `a candidate that stays well goes on, and the journal says what was measured`() async throws {
        let source = ScriptedSource([Self.second(errors: 0)])
        let bench = bench(source)
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(!source.isOpen)
        #expect(bench.violations == [])
        #expect(bench.observer.figures.count == 90)
        let notes = bench.store.chain.count { entry in
            if case .noted(let note) = entry.event.kind { note.topic == "traffic" } else { false }
        }
        #expect(notes == 9)
    }

    @Test func `errors of the candidate take the traffic back at once`() async throws {
        let source = ScriptedSource([Self.second(errors: 0)])
        let bench = bench(source)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.seconds(10))
            source.tell([Self.second(errors: 40)])
            let begin = bench.clock.now()
            try await desk.until(share: 0)
            #expect(bench.clock.now().since(begin) <= .seconds(3))
        }
        #expect(end.story == "settled, rolledBack")
        #expect(
            end.state.reason?.contains("error_rate") == true || end.state.reason?.contains("error") == true
        )
        #expect(bench.shares == [10, 0])
    }

    @Test func `without figures a canary is paused by bgdeploy, and promote goes on`() async throws {
        let source = ScriptedSource([.failure(.noEvidence("timed out"))])
        let bench = bench(source)
        let end = try await bench.drive { desk in
            try await desk.until { $0.pause != nil }
            #expect(bench.observer.latest?.pause?.by == .bgdeploy)
            #expect(bench.observer.latest?.pause?.reason?.contains("timed out") == true)
            #expect(bench.shares == [10])
            source.tell([Self.second(errors: 0)])
            #expect(try await desk.ask(.promote(full: false)) == nil)
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [10, 100])
    }

    @Test func `a canary that nobody looks after is taken back after an hour`() async throws {
        let bench = bench(ScriptedSource([.failure(.noEvidence("timed out"))]))
        let begin = bench.clock.now()
        let end = try await bench.drive()
        #expect(end.story == "settled, rolledBack")
        #expect((3660...3700).contains(bench.clock.now().since(begin).seconds))
    }

    @Test func `a source that can never work is no evidence`() async throws {
        let source = ScriptedSource([], openFailure: .unusable("no permission"))
        let bench = bench(source)
        let end = try await bench.drive { desk in
            try await desk.until { $0.pause != nil }
            #expect(bench.observer.latest?.pause?.reason?.contains("no permission") == true)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(source.violations == [])
    }

    @Test func `without any source the time passes and the verdict says what it is worth`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .seconds(60)))
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        let summaries = bench.store.chain.compactMap { entry in
            if case .judged(_, .passed(let summary)) = entry.event.kind { summary } else { nil }
        }
        #expect(summaries.count == 2)
        #expect(summaries.allSatisfy { $0.hasPrefix("nothing was measured") })
    }

    @Test func `errors while paused take the traffic back`() async throws {
        let source = ScriptedSource([Self.second(errors: 0)])
        let bench = bench(source)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            _ = try await desk.ask(.pause)
            try await desk.pass(.minutes(5))
            source.tell([Self.second(errors: 40)])
        }
        #expect(end.story == "settled, rolledBack")
    }

    @Test func `before is measured once, while the candidate has no traffic`() async throws {
        var bench = Bench(Release(shares: [10, 50, 100], hold: .seconds(60), monitor: .zero))
        bench.gauges = ["queue": StepCounter()]
        bench.rules = [
            try MetricRule(name: "queue", metric: .gauge("queue"), instant: try Condition("> 100x before"))
        ]
        let ready = bench
        let end = try await ready.drive()
        // It rises by one a reading: 121 in two holds, so that only a first "before" of 1 makes it a
        // hundredfold.
        #expect(end.story == "settled, rolledBack")
        #expect(ready.shares == [10, 50, 0])
    }
}
