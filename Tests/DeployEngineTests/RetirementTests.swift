import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// The environment that is no longer live goes out of service when nobody uses it.
struct RetirementTests {
    private static let stop = Release.step("afterwards/retire-1", "stop blue")

    /// Released, and due for retirement after an hour.
    private func released(balancers count: Int = 1) async throws -> Bench {
        var release = Release(monitor: .zero)
        release.retirement = Retirement(after: .minutes(60), steps: [Self.stop])
        var bench = Bench(release, balancers: count)
        #expect(try await bench.drive().story == "settled, succeeded")
        bench.runsFollowUps = true
        return bench
    }

    private func resume(_ bench: Bench, _ command: Command? = nil, after span: Span) async throws -> RunEnd {
        try await bench.simulation.run(limit: .minutes(24 * 60)) {
            try await bench.clock.sleep(for: span)
            return try await bench.resume(command)
        }
    }

    private func starts(_ bench: Bench) -> [Int] { bench.step(Self.stop.id.rawValue).starts }

    @Test func `resume retires it when its time has come, and not before`() async throws {
        let bench = try await released()
        #expect(try await resume(bench, after: .minutes(50)).state.retiredAt == nil)
        #expect(starts(bench) == [])
        let end = try await resume(bench, after: .minutes(20))
        #expect(end.state.retiredAt != nil && starts(bench) == [1])
        #expect(!end.state.hasFollowUps)
        #expect(bench.summaries.contains("blue has no traffic and no connections: out of service"))
    }

    @Test func `a person retires it at once, when told so`() async throws {
        let bench = try await released()
        let end = try await resume(bench, .retire(early: true), after: .minutes(1))
        #expect(end.story == "settled, succeeded" && end.state.retiredAt != nil)
        #expect(starts(bench) == [1] && bench.violations == [])
    }

    @Test func `connections keep it in service`() async throws {
        let bench = try await released(balancers: 2)
        bench.balancers[1].setConnections([3], to: Release.blue)
        let end = try await resume(bench, .retire(early: true), after: .minutes(1))
        #expect(end.state.retiredAt == nil && starts(bench) == [])
        #expect(failures(bench) == ["blue cannot be retired: it still has 3 connections"])
    }

    @Test func `so does traffic, which somebody put back to it`() async throws {
        let bench = try await released()
        bench.balancers[0].disturb(Split(Release.blue, .full, other: Release.green))
        let end = try await resume(bench, .retire(early: true), after: .minutes(1))
        #expect(end.state.retiredAt == nil && starts(bench) == [])
        #expect(failures(bench).first?.contains("it still has traffic (blue 100 %, green 0 %)") == true)
    }

    @Test func `so does a balancer that does not tell`() async throws {
        let bench = try await released()
        bench.balancers[0].fail(.connections, with: .unreachable)
        #expect(try await resume(bench, .retire(early: true), after: .minutes(1)).state.retiredAt == nil)
        #expect(starts(bench) == [] && failures(bench).first?.contains("does not answer") == true)
    }

    @Test func `what was begun is gone on with by the next process, once`() async throws {
        var bench = try await released()
        bench.set(Self.stop.id.rawValue, [.succeeds(after: .minutes(5))], survivesUs: true)
        let ready = bench
        let stopped = try await ready.drive({ stops in
            try await ready.resume(.retire(early: true), stops: stops)
        }) { desk in
            try await desk.until { $0.retiredAt != nil }
            desk.stop()
        }
        #expect(stopped.story == "stopped, succeeded" && stopped.state.nextTask?.kind == .retirement)
        let end = try await resume(ready, after: .seconds(1))
        #expect(end.story == "settled, succeeded" && starts(ready) == [1] && !end.state.hasFollowUps)
    }

    private func failures(_ bench: Bench) -> [String] {
        bench.store.chain.compactMap { entry in
            if case .failed(_, let reason, _) = entry.event.kind { reason } else { nil }
        }
    }
}
