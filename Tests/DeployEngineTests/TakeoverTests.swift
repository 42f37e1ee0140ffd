import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// Two processes and one run.
struct TakeoverTests {
    /// Takes the run over by force, once `moment` has come, and returns how both processes ended.
    private func takeOver(
        _ bench: Bench,
        _ command: Command? = nil,
        when moment: @escaping @Sendable (RunState) -> Bool
    ) async throws -> (first: RunEnd, second: RunEnd) {
        try await bench.simulation.run {
            try await withThrowingTaskGroup(of: RunEnd?.self) { group in
                group.addTask { try await bench.start() }
                while bench.observer.latest.map(moment) != true {
                    try await bench.clock.sleep(for: .milliseconds(50))
                }
                let second = try await bench.resume(command, takeover: .byForce)
                let first = try #require(try await group.next() ?? nil)
                return (first, second)
            }
        }
    }

    @Test func `a run that is taken over by force is lost to the first process`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let (first, second) = try await takeOver(bench) { $0.waiting?.kind == "hold" }
        #expect(first.story.hasPrefix("lost"))
        #expect(second.story == "settled, succeeded")
        #expect(bench.shares == [10, 100])
        #expect(bench.violations == [])
        #expect(try await bench.store.verify().breach == nil)
    }

    @Test func `a routing that is late does not land`() async throws {
        let bench = Bench(Release(), commitLength: .seconds(4))
        let (first, second) = try await takeOver(bench, .rollback(gradual: false)) { state in
            state.pending.contains { $0.effect == .route(candidate: .full) }
        }
        #expect(first.story.hasPrefix("lost"))
        #expect(second.story == "settled, rolledBack")
        #expect(bench.shares.allSatisfy { $0 == 0 }, "the candidate had \(bench.shares)")
        #expect(bench.share == .zero)
        #expect(bench.violations == [])
    }

    @Test func `a process that was fenced touches nothing more`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .seconds(20)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            _ = try await bench.balancers[0].raiseMark(to: FencingToken(epoch: 1, counter: 2))
        }
        #expect(end.story.hasPrefix("lost"))
        #expect(bench.shares == [10])
    }

    @Test func `a living process keeps its run`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            try await desk.pass(.minutes(2))
            await #expect(throws: RunStoreError.self) { _ = try await bench.resume() }
        }
        #expect(end.story == "settled, succeeded")
    }

    @Test func `a step whose fate nobody knows is not carried out again`() async throws {
        for isIdempotent in [false, true] {
            var bench = Bench()
            let id = StepID(rawValue: "prepare/1")
            bench.policies[id] = StepPolicy(isIdempotent: isIdempotent)
            bench.set(id.rawValue, [.succeeds(after: .minutes(1))], reconciliation: .unknown("cut off"))
            let ready = bench
            let (_, second) = try await takeOver(ready) { $0.phase == .prepare }
            #expect(second.story == (isIdempotent ? "settled, succeeded" : "settled, failed"))
            #expect(bench.step("prepare/1").starts == (isIdempotent ? [1, 2] : [1]))
        }
    }

    @Test func `what ended meanwhile counts as it ended`() async throws {
        let outcomes: [(Reconciliation, String)] = [
            (.ended(StepResult(summary: "exit 0")), "settled, succeeded"),
            (.failed(StepFailure("exit 1")), "settled, failed"),
        ]
        for (found, story) in outcomes {
            var bench = Bench()
            bench.set("prepare/1", [.succeeds(after: .minutes(1))], survivesUs: true, reconciliation: found)
            let ready = bench
            let (_, second) = try await takeOver(ready) { $0.phase == .prepare }
            #expect(second.story == story)
            #expect(bench.step("prepare/1").starts == [1])
        }
    }
}
