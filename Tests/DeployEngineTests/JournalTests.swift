import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// A journal that cannot be written.
struct JournalTests {
    @Test func `a journal that is full before any traffic moved ends the run and touches no balancer`()
        async throws
    {
        for after in 0..<6 {
            let bench = Bench()
            bench.store.failWrites(with: .full("no space left"), after: after)
            let end = try await bench.drive()
            #expect(end.story.hasPrefix("journal lost"), "after \(after)")
            #expect(end.restored == [])
            #expect(
                !bench.balancers[0].calls.contains(.stage) && !bench.balancers[0].calls.contains(.restore)
            )
            #expect(try await bench.store.lease(on: "mina") == nil, "after \(after)")
        }
    }

    @Test func `a journal that is full while the candidate has traffic takes it away`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(1)), balancers: 2)
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.store.failWrites(with: .full("no space left"))
        }
        #expect(end.story.hasPrefix("journal lost"))
        #expect(end.restored?.count == 2)
        for balancer in bench.balancers {
            #expect(balancer.split.share(of: Release.green) == .zero)
            #expect(balancer.keptMark.emergency?.by == .bgdeploy)
        }
        #expect(bench.step("rollback/1").starts == [])
    }

    @Test func `the answer to a routing that cannot be written takes the traffic back`() async throws {
        let bench = Bench(Release(shares: [10, 100]))
        let end = try await bench.drive { desk in
            try await desk.until {
                $0.pending.contains { $0.effect == .route(candidate: Exposure(Percent(10) ?? .zero)) }
            }
            bench.store.failWrites(with: .full("no space left"))
        }
        #expect(end.restored?.count == 1)
        #expect(bench.share == .zero)
    }

    @Test func `a candidate that may have traffic loses it between two tries of a rollback as well`()
        async throws
    {
        let bench = Bench(Release(shares: [10, 100]), commitLength: .seconds(2))
        bench.balancers[0].fail(.commit, with: .unknown(takesEffect: true), times: 1)
        let end = try await bench.drive { desk in
            try await desk.until {
                $0.pending.contains { $0.effect == .route(candidate: Exposure(Percent(10) ?? .zero)) }
            }
            try await desk.pass(.seconds(1))
            bench.balancers[0].fail(.stage, with: .unreachable)
            try await desk.until { state in
                if case .returning = state.stage {
                    state.pending.contains { $0.effect.isRetry }
                } else {
                    false
                }
            }
            #expect(bench.observer.latest?.confirmed == Exposure.none)
            #expect(bench.shares == [10])
            bench.store.failWrites(with: .full("no space left"))
        }
        #expect(end.restored?.count == 1)
        #expect(bench.share == .zero)
    }

    @Test func `a store that is away for a moment is waited for`() async throws {
        let bench = Bench(Release(shares: [10, 100]))
        bench.store.failWrites(with: .unavailable("locked"), times: 3, after: 4)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.violations == [])
    }

    @Test func `a store that stays away is a journal lost`() async throws {
        let bench = Bench()
        bench.store.failWrites(with: .unavailable("locked"), times: 4, after: 2)
        let end = try await bench.drive()
        #expect(end.story.hasPrefix("journal lost"))
        #expect(end.restored == [])
    }

    @Test func `a lease that is lost at a write is no reason to touch the balancers`() async throws {
        let bench = Bench(Release(shares: [10, 100]))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            bench.store.failWrites(with: .leaseLost)
        }
        #expect(end.story.hasPrefix("lost"))
        #expect(bench.shares == [10])
        #expect(!bench.balancers[0].calls.contains(.restore))
    }
}

extension Effect {
    fileprivate var isRetry: Bool {
        if case .wait = self { true } else { false }
    }
}
