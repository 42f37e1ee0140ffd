import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing
import TrafficJudgement

/// Balancers that do not answer, and those that are back.
struct UnreachableTests {
    private func bench(
        _ policy: UnreachablePolicy,
        shares: [Int] = [10, 50, 100],
        hold: Span = .seconds(60)
    ) -> Bench {
        var bench = Bench(Release(shares: shares, hold: hold), balancers: 3)
        bench.whenUnreachable = policy
        return bench
    }

    private func shares(_ bench: Bench) -> [Int] {
        bench.balancers.map { $0.split.share(of: Release.green).tenths / 10 }
    }

    // MARK: stop

    @Test func `a run that must have all does not begin without one, and names it`() async throws {
        let bench = bench(.stop)
        bench.balancers[1].setAway(true)
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason?.contains("balancer 2 does not answer") == true)
        #expect(bench.step("prepare/1").starts == [])
    }

    @Test func `one that is away at the end of a hold pauses the run, and the rest stays as it is`()
        async throws
    {
        let bench = bench(.stop)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].setAway(true)
            try await desk.until { $0.pause != nil }
            #expect(bench.observer.latest?.pause?.reason?.contains("balancer 2 does not answer") == true)
            #expect(shares(bench) == [10, 10, 10])
            bench.balancers[1].setAway(false)
            _ = try await desk.ask(.proceed)
        }
        #expect(end.story == "settled, succeeded", "\(end.state.reason ?? "")")
        #expect(bench.notes("balancer").count == 1)
        #expect(bench.violations == [])
    }

    @Test func `one that is away for a moment stops nobody`() async throws {
        let bench = bench(.stop)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].setAway(true)
            try await desk.pass(.seconds(20))
            bench.balancers[1].setAway(false)
        }
        #expect(end.story == "settled, succeeded")
        #expect(
            bench.observer.entries.allSatisfy { entry in
                if case .judged(_, .inconclusive) = entry.event.kind { false } else { true }
            }
        )
    }

    @Test func `one that misses two looks at the end of a hold stops nobody`() async throws {
        let bench = bench(.stop)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.milliseconds(57_500))
            bench.balancers[1].setAway(true)
            try await desk.pass(.seconds(2))
            bench.balancers[1].setAway(false)
            try await desk.until(share: 50)
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.notes("balancer") == [])
    }

    // MARK: continue

    @Test func `one that is away from the beginning is left out, named, and told in every summary`()
        async throws
    {
        let bench = bench(.proceed)
        bench.balancers[1].setAway(true)
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(shares(bench) == [100, 0, 100])
        let notes = bench.notes("balancer")
        #expect(notes.count == 1)
        #expect(notes[0].text.hasPrefix("left out: balancer 2: balancer 2 does not answer"))
        let summaries = bench.summaries.filter { $0.contains("blue") || $0.contains("measured") }
        #expect(summaries.count == 7)
        #expect(summaries.allSatisfy { $0.hasSuffix("; left out: balancer 2") }, "\(summaries)")
        #expect(bench.violations == [])
    }

    @Test func `nobody is left out when there is nobody else`() async throws {
        let bench = bench(.proceed)
        for balancer in bench.balancers { balancer.setAway(true) }
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        let reason = try #require(end.state.reason)
        for number in 1...3 { #expect(reason.contains("balancer \(number) does not answer")) }
    }

    @Test func `one that is back gets the split before the next step, its mark first`() async throws {
        let bench = bench(.proceed)
        let away = bench.balancers[1]
        away.setAway(true)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.seconds(10))
            let calls = away.calls.count
            away.setAway(false)
            try await desk.pass(.seconds(3))
            #expect(shares(bench) == [10, 10, 10])
            let since = away.calls.dropFirst(calls).filter { $0 != .observe }
            #expect(since == [.raiseMark, .stage, .commit])
            #expect(bench.observer.latest?.confirmed.share == Percent(10))
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.summaries.last?.contains("left out") == false)
        #expect(
            bench.notes("balancer").map { $0.text.prefix(24) } == [
                "left out: balancer 2: ba", "balancer 2 answers again",
            ]
        )
        #expect(bench.violations == [])
    }

    @Test func `one that is back with the right split is there again, its mark raised`() async throws {
        let bench = bench(.proceed)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].setAway(true)
            try await desk.pass(.seconds(5))
            bench.balancers[1].setAway(false)
            try await desk.pass(.seconds(2))
            #expect(bench.notes("balancer").count == 2)
            #expect(bench.balancers[1].calls.contains(.raiseMark))
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.notes("drift") == [])
        #expect(bench.summaries.allSatisfy { !$0.contains("left out") })
    }

    @Test func `one that is away when a share is asked for is left out from then on`() async throws {
        let bench = bench(.proceed, shares: [100])
        bench.balancers[1].fail(.stage, with: .unreachable, times: 1)
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(bench.notes("balancer").count == 2)
        #expect(bench.summaries.contains { $0.hasSuffix("verified in 20 ms; left out: balancer 2") })
        // Monitor brings it to the split.
        #expect(shares(bench) == [100, 100, 100])
    }

    @Test func `one that is back before the next share goes with the others`() async throws {
        let bench = bench(.proceed, shares: [100])
        bench.balancers[1].setAway(true)
        let end = try await bench.drive { desk in
            try await desk.until { $0.phase == .validate }
            bench.balancers[1].setAway(false)
            try await desk.until { $0.confirmed == .full }
            #expect(shares(bench) == [100, 100, 100])
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.summaries.filter { $0.contains("left out") }.count == 1)
        #expect(bench.notes("balancer").count == 2)
    }

    @Test func `one that is lost on the way is left out from then on`() async throws {
        let bench = bench(.proceed)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[2].setAway(true)
        }
        #expect(end.story == "settled, succeeded")
        #expect(shares(bench) == [100, 100, 10])
        #expect(bench.notes("balancer").count == 1)
    }

    @Test func `what is refused for another reason is nobody's absence`() async throws {
        let bench = bench(.proceed)
        bench.balancers[2].fail(.stage, with: .rejects)
        #expect(try await bench.drive().story == "settled, failed")
        #expect(shares(bench) == [0, 0, 0])
    }

    /// A balancer that is left out tells no figures either.
    @Test(arguments: [UnreachablePolicy.stop, .proceed])
    func `what the others tell is enough where one may be missing`(policy: UnreachablePolicy) async throws {
        var bench = bench(policy, shares: [50, 100])
        let seen = [
            Release.blue: TrafficSample(requests: 50), Release.green: TrafficSample(requests: 50),
        ]
        bench.sources = [
            ScriptedSource([.success(seen)], name: "one"),
            ScriptedSource([.failure(.noEvidence("timed out"))], name: "two"),
            ScriptedSource([], name: "three", openFailure: .unusable("no socket")),
        ]
        let ready = bench
        let end = try await ready.drive { desk in
            guard policy == .stop else { return }
            try await desk.until { $0.pause != nil }
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == (policy == .stop ? "settled, rolledBack" : "settled, succeeded"))
        let remarks = ready.notes("remark").map(\.text)
        if policy == .proceed {
            // Once in each of the two watches.
            #expect(
                remarks == Array(repeating: "measured without three: no socket; two: timed out", count: 2)
            )
            #expect(ready.summaries.contains { $0.contains("measured 50.0 % of 5,900 requests") })
        }
        #expect(ready.violations == [])
    }

    @Test func `figures of nobody are no figures`() async throws {
        var bench = bench(.proceed)
        bench.sources = [ScriptedSource([.failure(.noEvidence("timed out"))])]
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.pause != nil }
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
    }

    // MARK: the way back

    @Test(arguments: [UnreachablePolicy.stop, .proceed])
    func `a way back takes whoever can be reached, and names the others`(
        policy: UnreachablePolicy
    ) async throws {
        let bench = bench(policy)
        let end = try await bench.drive { desk in
            try await desk.until(share: 50)
            bench.balancers[1].setAway(true)
            _ = try await desk.ask(.abort)
            try await desk.pass(.milliseconds(400))
            #expect(shares(bench) == [0, 50, 0])
        }
        #expect(end.story == "settled, rollbackFailed")
        let reason = try #require(end.state.reason)
        #expect(reason.contains("incomplete: balancer 2: balancer 2 does not answer"), "\(reason)")
        #expect(reason.contains("2 of 3 balancers have blue 100 %, green 0 %"), "\(reason)")
        bench.balancers[1].setAway(false)
        let again = try await bench.drive { try await bench.resume(.rollback(gradual: false), stops: $0) }
        #expect(again.story == "settled, rolledBack")
        #expect(shares(bench) == [0, 0, 0])
        #expect(bench.violations == [])
    }

    @Test func `a way back does not wait for one that hangs`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)), balancers: 2)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].fail(.stage, with: .hangs, times: 1)
            _ = try await desk.ask(.abort)
            try await desk.pass(.seconds(1))
            #expect(shares(bench) == [0, 10])
            desk.stop()
        }
        #expect(end.story == "stopped, running")
    }
}
