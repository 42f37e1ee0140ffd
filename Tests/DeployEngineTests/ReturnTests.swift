import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// The way back, with obstacles.
struct ReturnTests {
    @Test func `a routing back that fails is tried again`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[0].fail(.stage, with: .unreachable, times: 4)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.share == .zero)
        #expect(bench.balancers[0].calls.count { $0 == .stage } == 6)
    }

    @Test func `a rollback that cannot be done says so, and may be asked for again`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[0].fail(.stage, with: .unreachable, times: 5)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rollbackFailed")
        #expect(end.state.reason?.contains("balancer 1 does not answer") == true)
        #expect(bench.shares == [10])
        let again = try await bench.drive { try await bench.resume(.rollback(gradual: false), stops: $0) }
        #expect(again.story == "settled, rolledBack")
        #expect(bench.shares == [10, 0])
    }

    @Test func `what is done afterwards decides nothing`() async throws {
        var bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        bench.set("rollback/1", [.fails(StepFailure("exit 1", isTransient: false))])
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until(share: 10)
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.share == .zero)
        #expect(bench.step("rollback/1").starts == [1])
    }

    @Test func `a routing under way is waited for before the way back begins`() async throws {
        let bench = Bench(Release(), commitLength: .seconds(5))
        let end = try await bench.drive { desk in
            try await desk.until { $0.pending.contains { $0.effect == .route(candidate: .full) } }
            try await desk.pass(.seconds(1))
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.shares == [100, 0])
    }

    @Test func `a canary step that is refused takes everything back`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .seconds(30)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.balancers[0].fail(.stage, with: .rejects, times: 1)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.shares == [10, 0])
    }
}
