import DeployCore
@testable import DeployEngine
import DeployPorts
import DeployTestKit
import Testing
import TrafficJudgement

/// The split is held while a run watches it.
struct KeepingTests {
    private struct SlowGauge: Gauge {
        let name = "queue"
        let clock: ManualClock

        func read() async throws(MetricsError) -> Double {
            try? await clock.sleep(for: .milliseconds(700))
            return 1
        }
    }

    private func bench(_ count: Int = 2) -> Bench {
        Bench(Release(shares: [10, 50, 100], hold: .seconds(60)), balancers: count)
    }

    private static let blue = Split(Release.green, .zero, other: Release.blue)

    private func shares(_ bench: Bench) -> [Int] {
        bench.balancers.map { $0.split.share(of: Release.green).tenths / 10 }
    }

    @Test func `a balancer that somebody reloaded gets the split again, and the journal says so`()
        async throws
    {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 50)
            try await desk.pass(.seconds(5))
            bench.balancers[1].disturb(Self.blue)
            try await desk.pass(.seconds(3))
            #expect(shares(bench) == [50, 50])
        }
        #expect(end.story == "settled, succeeded")
        #expect(
            bench.notes("drift").map(\.text) == [
                "balancer 2 had blue 100 %, green 0 % instead of blue 50 %, green 50 %: put right"
            ]
        )
        #expect(bench.notes("drift").first?.facts == ["balancer": "balancer 2"])
        #expect(bench.balancers[0].splits.count == 3)
        #expect(bench.violations == [])
    }

    @Test(arguments: ["pause", "monitor", "rollback"])
    func `every watch holds it`(purpose: String) async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            if purpose == "monitor" {
                try await desk.until(share: 100)
            } else {
                try await desk.until(share: 50)
                try await desk.pass(.seconds(1))
                _ = try await desk.ask(purpose == "pause" ? .pause : .promote(full: true))
                if purpose == "rollback" {
                    try await desk.until(share: 100)
                    _ = try await desk.ask(.rollback(gradual: true))
                    try await desk.until(share: 50)
                }
            }
            let share = bench.balancers[0].split
            try await desk.pass(.seconds(2))
            bench.balancers[1].disturb(
                Split(Release.green, Percent(tenths: 30) ?? .zero, other: Release.blue)
            )
            try await desk.pass(.seconds(3))
            #expect(bench.balancers[1].split == share)
            if purpose == "pause" { _ = try await desk.ask(.abort) }
        }
        #expect(end.story == (purpose == "monitor" ? "settled, succeeded" : "settled, rolledBack"))
        #expect(bench.notes("drift").count == 1)
        #expect(bench.violations == [])
    }

    @Test func `what a person changed is left alone, told once, and stops the run`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 50)
            bench.balancers[0].fail(.stage, with: .drifted)
            bench.balancers[0].disturb(Self.blue)
            try await desk.until { $0.pause != nil }
            #expect(bench.observer.latest?.pause?.reason?.contains("-server a\n+server b") == true)
            try await desk.pass(.minutes(5))
            #expect(bench.balancers[0].calls.count { $0 == .stage } == 3)
            #expect(shares(bench) == [0, 50])
            // Going on without having mended it leads to the same place.
            _ = try await desk.ask(.proceed)
            try await desk.until { $0.pause == nil }
            try await desk.until { $0.pause != nil }
            bench.balancers[0].mend(.stage)
            _ = try await desk.ask(.proceed)
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.notes("drift").count == 2)
        #expect(bench.notes("drift").first?.text.contains("changed by somebody else") == true)
        #expect(bench.violations == [])
    }

    @Test func `a balancer that loses it again and again is put right three times a minute`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            while bench.observer.latest?.pause == nil {
                bench.balancers[1].disturb(Self.blue)
                try await desk.pass(.milliseconds(500))
            }
            #expect(
                bench.observer.latest?.pause?.reason?.contains("has lost the split 3 times within a minute")
                    == true
            )
            let stages = bench.balancers[1].calls.count { $0 == .stage }
            #expect(stages == 4)
            bench.balancers[1].disturb(Self.blue)
            try await desk.pass(.minutes(10))
            #expect(bench.balancers[1].calls.count { $0 == .stage } == stages)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.notes("drift").count == 4)
    }

    @Test func `one that cannot be put right is tried three times, and stops the run`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].fail(.stage, with: .rejects, times: 3)
            bench.balancers[1].disturb(Self.blue)
            try await desk.until { $0.pause != nil }
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.notes("drift").first?.text.contains("could not be put right") == true)
        #expect(bench.notes("drift").count == 2)
    }

    @Test func `a process that was fenced corrects nothing, and leaves`() async throws {
        let bench = bench()
        let begin = bench.clock.now()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            _ = try await bench.balancers[1].raiseMark(to: FencingToken(epoch: 1, counter: 2))
            bench.balancers[1].disturb(Self.blue)
        }
        #expect(end.story.hasPrefix("lost"))
        #expect(shares(bench) == [10, 0])
        #expect(bench.clock.now().since(begin) < .seconds(30), "the hold went on")
    }

    @Test func `a correction under way is waited for by the next split`() async throws {
        let bench = Bench(balancers: 2, commitLength: .seconds(1))
        let (fleet, token) = (bench.fleet, FencingToken(epoch: 0, counter: 1))
        try await bench.simulation.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = await fleet.correct(
                        to: bench.plan.split(candidate: .full),
                        at: [0],
                        token: token,
                        stable: Release.blue
                    )
                }
                try await bench.clock.sleep(for: .milliseconds(500))
                try await fleet.route(Self.blue, token: token, isReturn: true)
                try await group.waitForAll()
            }
        }
        #expect(bench.shares == [100, 0])
        #expect(shares(bench) == [0, 0])
        #expect(bench.violations == [])
    }

    @Test func `a correction that comes too late does not land upon the next split`() async throws {
        let bench = Bench(balancers: 2, commitLength: .seconds(1))
        let (fleet, token) = (bench.fleet, FencingToken(epoch: 0, counter: 1))
        try await bench.simulation.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await fleet.route(Self.blue, token: token, isReturn: true) }
                try await bench.clock.sleep(for: .milliseconds(500))
                let corrections = await fleet.correct(
                    to: bench.plan.split(candidate: .full),
                    at: [0],
                    token: token,
                    stable: Release.blue
                )
                #expect(corrections.allSatisfy { (try? $0.result.get()) == .superseded })
                try await group.waitForAll()
            }
        }
        #expect(bench.shares == [0])
        #expect(bench.violations == [])
    }

    @Test func `a correction that hangs keeps nobody else from going back`() async throws {
        let bench = Bench(balancers: 2)
        let (fleet, token) = (bench.fleet, FencingToken(epoch: 0, counter: 1))
        let full = bench.plan.split(candidate: .full)
        try await bench.simulation.run {
            try await fleet.route(full, token: token)
            bench.balancers[1].fail(.stage, with: .hangs, times: 1)
            bench.balancers[1].disturb(Self.blue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = await fleet.correct(to: full, at: [1], token: token, stable: Release.blue)
                }
                try await bench.clock.sleep(for: .seconds(1))
                group.addTask { try await fleet.route(Self.blue, token: token, isReturn: true) }
                try await bench.clock.sleep(for: .seconds(1))
                #expect(shares(bench) == [0, 0])
                #expect(bench.balancers[0].splits.count == 2)
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
        }
    }

    @Test func `whenever a way back is asked for, no correction spoils it`() async throws {
        for offset in stride(from: 0, through: 3000, by: 50) {
            let bench = Bench(
                Release(shares: [10, 100], hold: .minutes(5)),
                balancers: 2,
                commitLength: .milliseconds(700)
            )
            let end = try await bench.drive { desk in
                try await desk.until(share: 10)
                bench.balancers[1].disturb(Self.blue)
                try await desk.pass(.milliseconds(Int64(offset)))
                _ = try await desk.ask(.abort)
            }
            #expect(end.story == "settled, rolledBack", "\(offset) ms")
            #expect(shares(bench) == [0, 0], "\(offset) ms")
            #expect(bench.violations == [], "\(offset) ms")
        }
    }

    /// Users who suffer go before balancers that do not obey.
    @Test func `the judge's verdict counts more than a split that cannot be held`() async throws {
        @Sendable func second(_ errors: Int) -> ScriptedSource.Second {
            .success([
                Release.blue: TrafficSample(requests: 100),
                Release.green: TrafficSample(requests: 50, errors: errors),
            ])
        }
        let source = ScriptedSource([second(0)])
        var bench = bench()
        bench.sources = [source]
        // The judge is about to decide when the balancer turns out to be out of hand.
        bench.gauges = ["queue": SlowGauge(clock: bench.clock)]
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until(share: 10)
            // The judge reads at 7.8 s and decides at 8.5 s; the balancers are looked at every second.
            try await desk.pass(.milliseconds(7500))
            source.tell([second(40)])
            ready.balancers[1].fail(.stage, with: .drifted, times: 1)
            ready.balancers[1].disturb(Self.blue)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(
            ready.store.chain.allSatisfy { entry in
                if case .judged(_, .inconclusive) = entry.event.kind { false } else { true }
            }
        )
        #expect(ready.notes("drift").count == 1)
        #expect(shares(ready) == [0, 0])
    }

    @Test func `remarks go into the journal once for as long as they last`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[1].setRemarks(["b1 is in maintenance"])
            try await desk.pass(.seconds(10))
            bench.balancers[1].setRemarks([])
            try await desk.pass(.seconds(5))
            bench.balancers[1].setRemarks(["b1 is in maintenance"])
        }
        #expect(end.story == "settled, succeeded")
        #expect(
            bench.notes("remark").map(\.text) == [
                "balancer 2: b1 is in maintenance", "balancer 2: b1 is in maintenance",
            ]
        )
    }

    /// Seen by another process than the one that began: everything on the candidate is no new beginning.
    @Test func `a correction does not open a way back to the candidate`() async throws {
        let bench = bench(1)
        try await bench.simulation.run {
            try await withThrowingTaskGroup(of: RunEnd.self) { group in
                let desk = Desk(bench: bench, stopper: AsyncStream.makeStream().continuation)
                group.addTask { try await bench.start() }
                try await desk.until(share: 50)
                group.addTask { try await bench.resume(takeover: .byForce) }
                try await desk.pass(.seconds(3))
                bench.balancers[0].disturb(Split(Release.green, .full, other: Release.blue))
                try await desk.pass(.seconds(3))
                #expect(bench.share == Percent(50))
                #expect(bench.balancers[0].keptMark.stable == Release.blue)
                for try await _ in group {}
            }
        }
        #expect(bench.violations == [])
    }

    @Test func `a host that was built anew gets the way back with the split`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 50)
            let mark = bench.balancers[0].keptMark
            bench.balancers[1].rebuild(Self.blue)
            try await desk.pass(.seconds(3))
            #expect(shares(bench) == [50, 50])
            #expect(bench.balancers[1].keptMark.token == mark.token)
            #expect(bench.balancers[1].keptMark.stable == Release.blue)
        }
        #expect(end.story == "settled, succeeded")
    }
}
