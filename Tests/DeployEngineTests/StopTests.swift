import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// A process that is asked to leave leaves the run as it is, and another one goes on.
struct StopTests {
    /// Stops the first process once `moment` has come, resumes, and checks that nothing was done twice.
    private func stopAndResume(
        _ bench: Bench,
        when moment: @escaping @Sendable (RunState) -> Bool,
        resuming desk: @escaping @Sendable (Desk) async throws -> Void = { _ in },
        within patience: Span = .seconds(10)
    ) async throws {
        let end = try await bench.drive { desk in
            try await desk.until(moment)
            let asked = bench.clock.now()
            desk.stop()
            while try await bench.store.lease(on: "mina") != nil { try await desk.pass(.milliseconds(20)) }
            #expect(bench.clock.now().since(asked) <= patience)
        }
        #expect(end.story.hasPrefix("stopped"))
        #expect(try await bench.store.lease(on: "mina") == nil)
        let finish = try await bench.drive({ try await bench.resume(stops: $0) }, desk: desk)
        #expect(finish.story == "settled, succeeded")
        #expect(bench.share == .full)
        for step in bench.plan.actions where step.id.rawValue != "rollback/1" {
            #expect(bench.step(step.id.rawValue).starts == [1], "\(step.id)")
        }
        #expect(bench.violations == [])
    }

    @Test func `in a hold`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        try await stopAndResume(bench, when: { $0.waiting?.kind == "hold" }, within: .seconds(1))
        #expect(bench.shares == [10, 100])
    }

    @Test func `in monitor`() async throws {
        try await stopAndResume(Bench(), when: { $0.waiting?.kind == "monitor" }, within: .seconds(1))
    }

    @Test func `at an approval`() async throws {
        try await stopAndResume(
            Bench(Release(approvals: 1)),
            when: { $0.waiting?.kind == "approval" },
            resuming: { desk in
                try await desk.pass(.seconds(3))
                #expect(try await desk.ask(.approve, by: "bo") == nil)
            },
            within: .seconds(1)
        )
    }

    @Test func `in a wait, which then lasts no longer than it would have`() async throws {
        let bench = Bench(Release(wait: .minutes(20), monitor: .zero))
        let start = bench.clock.now()
        try await stopAndResume(bench, when: { $0.waiting?.kind == "wait" }, within: .seconds(1))
        #expect(bench.clock.now().since(start) < .minutes(21))
    }

    @Test func `while draining`() async throws {
        let bench = Bench(Release(drain: DrainPhase(grace: .seconds(60))))
        bench.balancers[0].setConnections([4], to: Release.blue)
        try await stopAndResume(bench, when: { $0.waiting?.kind == "drain" }, within: .seconds(1))
    }

    @Test func `between two attempts`() async throws {
        var bench = Bench(Release())
        bench.set("validate/1", [.succeeds(after: .seconds(5))], isReadOnly: true)
        bench.set("validate/2", [.succeeds(after: .seconds(3))], isReadOnly: true)
        try await stopAndResume(bench, when: { $0.phase == .validate })
    }

    @Test func `with a step under way that outlives us`() async throws {
        for phase in [PhaseName.prepare, .migrate] {
            var bench = Bench()
            bench.set("\(phase)/1", [.succeeds(after: .seconds(50))], survivesUs: true)
            try await stopAndResume(bench, when: { $0.phase == phase }, within: .seconds(1))
            #expect(bench.step("\(phase)/1").attached == [1])
            #expect(bench.step("\(phase)/1").stopped == [])
        }
    }

    @Test func `with a step under way that would die with us, which is waited for`() async throws {
        var bench = Bench()
        bench.set("prepare/1", [.succeeds(after: .seconds(6))])
        try await stopAndResume(bench, when: { $0.phase == .prepare })
        #expect(bench.step("prepare/1").stopped == [])
    }

    @Test func `with a routing under way, which is waited for`() async throws {
        let bench = Bench(Release(shares: [10, 100]), commitLength: .seconds(5))
        try await stopAndResume(bench) { state in
            state.pending.contains { $0.effect == .route(candidate: .full) }
        }
        #expect(bench.shares == [10, 100])
    }

    @Test func `while paused with the traffic divided`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            _ = try await desk.ask(.pause)
            desk.stop()
        }
        #expect(end.story == "stopped, paused")
        let finish = try await bench.drive { try await bench.resume(stops: $0) }
        #expect(finish.story == "settled, succeeded")
    }

    @Test func `while the traffic is put back`() async throws {
        let bench = Bench(Release(shares: [50, 100], hold: .minutes(5)), commitLength: .seconds(3))
        let end = try await bench.drive { desk in
            try await desk.until(share: 50)
            _ = try await desk.ask(.abort)
            desk.stop()
        }
        #expect(end.story == "stopped, running")
        let finish = try await bench.drive { try await bench.resume(stops: $0) }
        #expect(finish.story == "settled, rolledBack")
        #expect(bench.share == .zero)
        #expect(bench.step("rollback/1").starts == [1])
    }

    @Test func `a step that will not end in time is stopped, and its outcome is then unknown`() async throws {
        var bench = Bench()
        bench.set("prepare/1", [.succeeds(after: .seconds(40))])
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.phase == .prepare }
            desk.stop()
        }
        #expect(end.story == "stopped, running")
        #expect(bench.step("prepare/1").stopped == [1])
        let finish = try await ready.drive { try await ready.resume(stops: $0) }
        #expect(finish.story == "settled, failed")
        #expect(bench.step("prepare/1").starts == [1])
    }
}
