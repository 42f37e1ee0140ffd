import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// A person goes back to the stable environment at one balancer while a run divides the traffic at all.
struct RecallTests {
    private static let blue = Split(Release.green, .zero, other: Release.blue)

    private func bench(_ release: Release = Release(shares: [10, 100], hold: .minutes(5))) -> Bench {
        Bench(release, balancers: 3)
    }

    private func expectBack(_ bench: Bench, _ end: RunEnd, because reason: String) async throws {
        #expect(end.story == "settled, rolledBack")
        guard case .ended(.rolledBack(let told)) = end.state.stage else { return }
        #expect(told.contains(reason), "\(told)")
        #expect(bench.balancers.allSatisfy { $0.split == Self.blue })
        #expect(bench.balancers.allSatisfy { $0.fileSplit == Self.blue })
        #expect(bench.violations == [])
        #expect(try await bench.store.verify().breach == nil)
    }

    /// As the script does it: the mark first, and it knows nobody's name.
    private func runScript(_ balancer: FakeBalancer, pause: @Sendable () async throws -> Void) async throws {
        let token = balancer.keptMark.token
        _ = try await balancer.raiseMark(to: FencingToken(epoch: token.epoch + 1, counter: token.counter))
        try await pause()
        balancer.disturb(Self.blue)
    }

    @Test func `an emergency at one balancer takes the run back at all`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            _ = try await bench.balancers[1].restore(by: Actor("ana"), reason: "carts are empty")
        }
        try await expectBack(bench, end, because: "emergency rollback at balancer 2 by ana: carts are empty")
        let note = try #require(bench.notes("emergency").first)
        #expect(note.facts == ["balancer": "balancer 2", "by": "ana"])
        #expect(bench.notes("emergency").count == 1)
        #expect(bench.step("rollback/1").starts.count == 1)
        // What the person did there is what stays: nothing of the run's came after it.
        #expect(bench.balancers[1].splits.map { $0.share(of: Release.green).tenths } == [100, 0])
        #expect(bench.balancers[1].keptMark.emergency?.by == Actor("ana"))
    }

    @Test(arguments: [0, 3])
    func `the script beside one balancer does, however long it takes`(seconds: Int) async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await runScript(bench.balancers[0]) { try await desk.pass(.seconds(Int64(seconds))) }
        }
        try await expectBack(bench, end, because: "the rollback script beside balancer 1 was run")
    }

    @Test func `at every balancer it ends the run as well`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            for balancer in bench.balancers {
                _ = try await balancer.restore(by: Actor("ana"), reason: "all of it")
            }
        }
        try await expectBack(bench, end, because: "all of it")
    }

    @Test func `a paused run goes back, too`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.ask(.pause)
            _ = try await bench.balancers[2].restore(by: Actor("ana"), reason: "enough")
        }
        try await expectBack(bench, end, because: "enough")
    }

    @Test func `a routing that meets it is taken back`() async throws {
        let bench = Bench(Release(hold: .zero), balancers: 3, commitLength: .seconds(2))
        let end = try await bench.drive { desk in
            try await desk.until { state in state.pending.contains { $0.effect == .route(candidate: .full) } }
            try await desk.pass(.seconds(1))
            try await runScript(bench.balancers[1]) {}
        }
        try await expectBack(bench, end, because: "the rollback script beside balancer 2 was run")
    }

    @Test func `a gradual way back becomes an instant one`() async throws {
        let bench = bench(Release(shares: [90, 100], hold: .minutes(5), gradual: [50, 20, 0]))
        let end = try await bench.drive { desk in
            try await desk.until(share: 90)
            try await desk.ask(.rollback(gradual: true))
            try await desk.until(share: 50)
            try await runScript(bench.balancers[1]) {}
        }
        try await expectBack(bench, end, because: "rolled back by ana")
        #expect(bench.shares == [90, 50, 0])
    }

    @Test func `where it did not take effect the run says so, and which balancer it is`() async throws {
        let bench = bench()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            let balancer = bench.balancers[1]
            try await runScript(balancer) {}
            // Nothing of it lasts: the script failed half-way.
            balancer.disturb(bench.plan.split(candidate: Exposure(try #require(Percent(20)))))
        }
        #expect(end.story == "settled, rollbackFailed")
        guard case .ended(.rollbackFailed(let reason)) = end.state.stage else { return }
        #expect(reason.contains("balancer 2") && reason.contains("2 of 3 balancers have"), "\(reason)")
        #expect([0, 2].allSatisfy { bench.balancers[$0].split == Self.blue })
    }
}
