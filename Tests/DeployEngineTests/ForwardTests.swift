import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// A run on its way to the candidate.
struct ForwardTests {
    @Test func `an instant release carries every step out once and moves the traffic at once`() async throws {
        let bench = Bench()
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [100])
        for id in ["prepare/1", "migrate/1", "validate/1", "validate/2"] {
            #expect(bench.step(id).starts == [1], "\(id)")
        }
        #expect(bench.step("rollback/1").starts == [])
        #expect(try await bench.store.lease(on: "mina") == nil)
        #expect(try await bench.store.verify().breach == nil)
        #expect(bench.violations == [])
    }

    @Test func `a canary holds every share for its time`() async throws {
        let bench = Bench(Release(shares: [10, 50, 100], hold: .minutes(5), monitor: .minutes(15)))
        let start = bench.clock.now()
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            let first = bench.clock.now()
            try await desk.until(share: 50)
            let second = bench.clock.now()
            try await desk.until(share: 100)
            #expect((300...301).contains(second.since(first).seconds))
            #expect((300...301).contains(bench.clock.now().since(second).seconds))
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [10, 50, 100])
        #expect(bench.clock.now().since(start) > .minutes(25))
        #expect(bench.violations == [])
    }

    @Test func `steps of a group run side by side, groups one after the other`() async throws {
        var release = Release()
        release.prepare = [
            [Release.step("prepare/1", "a"), Release.step("prepare/2", "b")],
            [Release.step("prepare/3", "c")],
        ]
        release.migrate = []
        release.validate = []
        release.monitor = .zero
        var bench = Bench(release)
        for id in ["prepare/1", "prepare/2", "prepare/3"] {
            bench.set(id, [.succeeds(after: .seconds(40))])
        }
        let (ready, start) = (bench, bench.clock.now())
        let end = try await ready.drive()
        #expect(end.story == "settled, succeeded")
        #expect((80...82).contains(bench.clock.now().since(start).seconds))
    }

    @Test func `a wait lasts as long as it says`() async throws {
        let bench = Bench(Release(wait: .minutes(20), monitor: .zero))
        let start = bench.clock.now()
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect((1200...1210).contains(bench.clock.now().since(start).seconds))
    }

    @Test func `draining ends when the last connection does`() async throws {
        let bench = Bench(Release(drain: DrainPhase(grace: .seconds(30)), monitor: .zero))
        bench.balancers[0].setConnections([5, 5, 3, 5, 0], to: Release.blue)
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        #expect(bench.observer.connections == [5, 3, 5, 0])
    }

    @Test func `draining waits for its grace and no longer`() async throws {
        for (whenNotEmpty, story) in [
            (Step.OnFailure.proceed, "settled, succeeded"), (.stop, "settled, failed"),
        ] {
            let drain = DrainPhase(grace: .seconds(30), whenNotEmpty: whenNotEmpty)
            let bench = Bench(Release(drain: drain, monitor: .zero))
            bench.balancers[0].setConnections([7], to: Release.blue)
            let start = bench.clock.now()
            let end = try await bench.drive()
            #expect(end.story == story)
            #expect((30...40).contains(bench.clock.now().since(start).seconds))
        }
    }

    @Test func `a candidate that takes no connections gets no traffic`() async throws {
        let bench = Bench()
        bench.probe.refuse("g:1", because: "refuses connections")
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(bench.shares == [])
        #expect(end.state.reason?.contains("g:1 refuses connections") == true)
    }

    @Test func `a balancer that cannot be changed stops the run before anything is done`() async throws {
        let bench = Bench()
        bench.balancers[0].fail(.inspect, with: .unreachable)
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(bench.step("prepare/1").starts == [])
    }
}
