import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// A run waits for its window, on a clock that may be set and in processes that may end.
struct WindowTests {
    /// Opens `from` after the tests' clock begins, for an hour.
    private func bench(from: Span, stops: Bool = false, timeout: Span = .minutes(24 * 60)) -> Bench {
        let begin = ManualClock().now().advanced(by: from)
        let opening = Opening(from: begin, until: begin.advanced(by: .minutes(60)))
        var release = Release(monitor: .zero)
        release.window = WindowGate(openings: [opening], stops: stops)
        release.windowTimeout = timeout
        return Bench(release)
    }

    private func opens(_ bench: Bench) -> Timestamp? {
        for entry in bench.store.chain {
            for case .window(_, let opens, _) in entry.effects.map(\.effect) { return opens }
        }
        return nil
    }

    @Test func `the traffic moves when it opens, and not before`() async throws {
        let bench = bench(from: .minutes(10 * 60))
        let end = try await bench.drive(limit: .minutes(11 * 60)) { desk in
            try await desk.until { $0.waiting?.kind == "window" }
            try await desk.pass(.minutes(9 * 60))
            #expect(bench.observer.latest?.waiting?.until == opens(bench))
            #expect(bench.observer.latest?.condition == .waiting && bench.share == .zero)
        }
        #expect(end.story == "settled, succeeded")
        let moved = bench.store.chain.first { entry in
            entry.effects.contains { if case .route = $0.effect { true } else { false } }
        }
        let opening = try #require(opens(bench))
        #expect((0...5).contains(moved.map { $0.event.at.since(opening).seconds } ?? -1))
        #expect(bench.summaries.contains("open"))
    }

    @Test func `the wait survives its process, and lasts no longer`() async throws {
        let bench = bench(from: .minutes(60))
        let stopped = try await bench.drive { desk in
            try await desk.until { $0.waiting?.kind == "window" }
            desk.stop()
        }
        #expect(stopped.story == "stopped, waiting")
        let end = try await bench.drive({ try await bench.resume(stops: $0) })
        #expect(end.story == "settled, succeeded" && end.state.takeovers == 0)
        let opening = try #require(opens(bench))
        #expect((0...60).contains(bench.clock.now().since(opening).seconds))
    }

    @Test func `who does not want to wait leaves, and the run is at rest`() async throws {
        var bench = bench(from: .minutes(60))
        bench.leavesAtGates = true
        let end = try await bench.drive()
        #expect(end.story == "waiting, waiting" && end.state.isAtRest)
        #expect(end.state.nextTask?.kind == .window && end.state.nextTask?.due == opens(bench))
    }

    @Test(arguments: [true, false])
    func `a closed window ends a run that is not to wait, or not so long`(stops: Bool) async throws {
        let bench = bench(from: .minutes(60), stops: stops, timeout: .minutes(30))
        let start = bench.clock.now()
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason?.contains("window: closed; it opens") == true)
        #expect(end.state.reason?.contains("--override-window --reason") == true)
        #expect(bench.clock.now().since(start) < .minutes(1))
    }

    @Test func `an override goes through a closed window, and is on record with name and reason`()
        async throws
    {
        var bench = bench(from: .minutes(60), stops: true)
        bench.windowOverride = WindowOverride(by: Actor("ana"), reason: "users cannot pay")
        #expect(try await bench.drive().story == "settled, succeeded")
        let note = try #require(bench.notes("window override").first)
        #expect(note.text == "window: closed, and gone through by ana: users cannot pay")
        #expect(note.facts["by"] == "ana" && note.facts["reason"] == "users cannot pay")
        guard case .started(let plan) = bench.store.chain.first?.event.kind else {
            Issue.record("no beginning")
            return
        }
        #expect(plan.windowOverride?.by == Actor("ana"))
    }

    @Test func `an override of an open window is nothing to tell`() async throws {
        var bench = bench(from: .zero)
        bench.windowOverride = WindowOverride(by: Actor("ana"), reason: "users cannot pay")
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.notes("window override") == [])
    }

    @Test func `a rollback does not wait for a window`() async throws {
        let bench = bench(from: .minutes(60))
        let end = try await bench.drive { desk in
            try await desk.until { $0.waiting?.kind == "window" }
            #expect(try await desk.ask(.rollback(gradual: false)) == nil)
        }
        #expect(end.story == "settled, failed")
    }
}
