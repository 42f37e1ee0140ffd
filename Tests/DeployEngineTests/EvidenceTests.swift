import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Synchronization
import Testing
import TrafficJudgement

/// What a run makes of the evidence about its candidate.
struct EvidenceTests {
    /// 200 requests a second, divided as the balancer divides them.
    private final class Users: MetricsSource {
        struct Errors: Sendable {
            /// In percent.
            var blue = 0
            var green = 0
        }

        let name = "users"
        private let balancer: FakeBalancer
        private let errors: Mutex<Errors>
        private let perSecond: Int

        init(of balancer: FakeBalancer, perSecond: Int = 200, _ errors: Errors = Errors()) {
            self.balancer = balancer
            self.perSecond = perSecond
            self.errors = Mutex(errors)
        }

        func tell(_ errors: Errors) { self.errors.withLock { $0 = errors } }

        func open() async throws(MetricsError) {}

        func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
            let errors = errors.withLock { $0 }
            let green = perSecond * balancer.split.share(of: Release.green).tenths / 1000
            let blue = perSecond - green
            return [
                Release.blue: TrafficSample(requests: blue, errors: blue * errors.blue / 100),
                Release.green: TrafficSample(requests: green, errors: green * errors.green / 100),
            ]
        }

        func close() async {}
    }

    private func bench(
        hold: Span = .minutes(10),
        holdback: Int? = nil,
        perSecond: Int = 200,
        _ errors: Users.Errors = Users.Errors(),
        _ change: (inout JudgeSettings) -> Void = { _ in }
    ) -> (Bench, Users) {
        var bench = Bench(
            Release(shares: [10, 50, 100], hold: hold, holdback: holdback, monitor: .seconds(60))
        )
        let users = Users(of: bench.balancers[0], perSecond: perSecond, errors)
        bench.sources = [users]
        change(&bench.settings)
        return (bench, users)
    }

    @Test func `a hold ends early once the candidate is shown to be good`() async throws {
        let (bench, _) = bench { $0.endsEarly = true }
        let begin = bench.clock.now()
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(bench.clock.now().since(begin) < .minutes(8))
        #expect(bench.summaries.contains { $0.hasPrefix("the evidence is in: green has at most") })
    }

    @Test func `without that a hold lasts as long as the playbook says`() async throws {
        let (bench, _) = bench()
        let begin = bench.clock.now()
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.clock.now().since(begin) > .minutes(20))
    }

    @Test func `a part stays on stable through monitor and follows at its end`() async throws {
        let (bench, _) = bench(hold: .seconds(60), holdback: 5)
        let end = try await bench.drive { desk in
            try await desk.until(share: 95)
            try await desk.pass(.seconds(30))
            #expect(bench.observer.latest?.phase == .monitor)
            #expect(bench.share == Percent(95))
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [10, 50, 95, 100])
    }

    @Test func `promote ends monitor and gives the candidate the rest, full at once`() async throws {
        for isFull in [false, true] {
            let (bench, _) = bench(holdback: 5)
            let end = try await bench.drive { desk in
                try await desk.until(share: 10)
                #expect(try await desk.ask(.promote(full: isFull)) == nil)
                if !isFull {
                    try await desk.until(share: 50)
                    #expect(try await desk.ask(.promote(full: false)) == nil)
                    try await desk.until(share: 95)
                }
                try await desk.until { $0.phase == .monitor && !$0.isRouting }
                #expect(try await desk.ask(.promote(full: false)) == nil)
            }
            #expect(end.story == "settled, succeeded")
            #expect(bench.shares == (isFull ? [10, 100] : [10, 50, 95, 100]))
        }
    }

    @Test func `errors in monitor are compared with the part that stayed`() async throws {
        let (bench, users) = bench(hold: .seconds(60), holdback: 5)
        let end = try await bench.drive { desk in
            try await desk.until(share: 95)
            try await desk.pass(.seconds(20))
            users.tell(Users.Errors(green: 4))
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.shares == [10, 50, 95, 0])
        // Below the fixed limit of 5 %: only a comparison finds it.
        let reason = try #require(end.state.reason)
        #expect(reason.contains("worse than blue") || reason.contains("more than blue had"), "\(reason)")
        #expect(bench.notes("impact").count == 1)
    }

    @Test func `what both sides suffer from freezes the share, and then waits for a person`() async throws {
        let (bench, users) = bench(hold: .seconds(60))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            users.tell(Users.Errors(blue: 40, green: 40))
            let begin = bench.clock.now()
            try await desk.until { $0.pause != nil }
            #expect((100...130).contains(bench.clock.now().since(begin).seconds))
            #expect(bench.observer.latest?.pause?.reason?.contains("going back would not help") == true)
            #expect(bench.shares == [10])
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
    }

    @Test func `a hold goes on as planned when what both suffered from is over`() async throws {
        let (bench, users) = bench(hold: .seconds(120), Users.Errors(blue: 40, green: 40))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.seconds(20))
            users.tell(Users.Errors())
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [10, 50, 100])
    }

    @Test func `where evidence is required, a hold without it waits for a person`() async throws {
        let (bench, _) = bench(hold: .seconds(60), perSecond: 10) { $0.requiresEvidence = true }
        let end = try await bench.drive { desk in
            try await desk.until { $0.pause != nil }
            #expect(bench.observer.latest?.pause?.reason?.contains("not enough evidence") == true)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
    }

    @Test func `a dry run rolls nothing back and says what it would have`() async throws {
        let (bench, _) = bench(hold: .seconds(60), Users.Errors(green: 50)) { $0.isDryRun = true }
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.notes("remark").contains { $0.text.hasPrefix("dry run, not rolled back") })
    }

    @Test func `the playbook's own requests are sent only while the traffic is watched`() async throws {
        final class Probes: SyntheticTraffic {
            let every = Span.milliseconds(500)
            let count = Mutex(0)
            func send() async { count.withLock { $0 += 1 } }
        }
        let probes = Probes()
        var (bench, _) = bench(hold: .seconds(60))
        bench.probes = probes
        let ready = bench
        _ = try await ready.drive { desk in
            try await desk.until(share: 10)
            #expect(probes.count.withLock { $0 } <= 1)
        }
        // Two holds and monitor, a minute each.
        #expect((340...366).contains(probes.count.withLock { $0 }))
    }

    @Test func `a resumed run goes on with the evidence of the process before`() async throws {
        let (bench, _) = bench(hold: .minutes(4))
        _ = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.seconds(45))
            desk.stop()
        }
        let before = try #require(bench.notes("traffic").last?.facts["evidence.err_rel"])
        let end = try await bench.drive({ try await bench.resume(stops: $0) })
        #expect(end.story == "settled, succeeded")
        let notes = bench.notes("traffic")
        #expect(Set(notes.compactMap { $0.facts["began"] }).count == 1)
        var replay = CanaryJudge(stable: "blue", candidate: "green")
        replay.restore(notes.compactMap { $0.facts["ticks"] })
        let last = try #require(notes.last?.facts["evidence.err_rel"])
        #expect(replay.evidence?.against.first.map { "\($0.logEvidence)" } == last)
        #expect(last != before)
    }
}
