import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// SIGKILL at every write of a canary run; another process goes on with what it finds.
struct CrashTests {
    /// What the world was like when the second process had ended.
    private struct Aftermath: Sendable {
        let story: String
        let shares: [Percent]
        let doneTwice: [String]
        let violations: [String]
        let breach: String?
    }

    private static let release = Release(
        shares: [10, 50, 100],
        hold: .seconds(4),
        drain: DrainPhase(request: Release.step("drain/1", "tell"), grace: .seconds(3)),
        monitor: .seconds(4)
    )

    /// `nil` when the run was over before write number `fatal`.
    private func crash(
        at fatal: Int,
        _ moment: MortalStore.Moment,
        balancers: Int,
        then command: Command?
    ) async throws -> Aftermath? {
        let bench = Bench(Self.release, balancers: balancers)
        return try await bench.simulation.run {
            let process = bench.simulation.process()
            let mortal = MortalStore(bench.store, of: process, dyingAt: fatal, moment)
            return try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask(executorPreference: process) {
                    _ = try await bench.start(store: mortal)
                    return false
                }
                group.addTask {
                    await process.death(on: bench.clock)
                    return true
                }
                let isKilled = try await group.next() ?? false
                defer {
                    group.cancelAll()
                    process.reap()
                }
                return isKilled ? try await aftermath(of: bench, command) : nil
            }
        }
    }

    private func aftermath(of bench: Bench, _ command: Command?) async throws -> Aftermath {
        try await bench.clock.sleep(for: .seconds(20))
        let hasBegun = try await !bench.store.runs(of: nil, limit: 1).isEmpty
        let end = try await hasBegun ? bench.resume(command) : bench.start(holder: 2)
        return Aftermath(
            story: end.story,
            shares: bench.balancers.map { $0.split.share(of: Release.green) },
            doneTwice: bench.plan.actions.map(\.id.rawValue).filter { bench.step($0).starts.count > 1 },
            violations: bench.violations,
            breach: try await bench.store.verify().breach
        )
    }

    @Test(arguments: [MortalStore.Moment.beforeWriting, .afterWriting], [1, 2])
    func `whenever it dies, the run can be finished`(moment: MortalStore.Moment, balancers: Int) async throws
    {
        var fatal = 1
        while let after = try await crash(at: fatal, moment, balancers: balancers, then: nil) {
            #expect(after.story == "settled, succeeded", "write \(fatal)")
            #expect(after.shares.allSatisfy { $0 == .full }, "write \(fatal): \(after.shares)")
            #expect(after.doneTwice == [], "write \(fatal)")
            #expect(after.violations == [] && after.breach == nil, "write \(fatal)")
            fatal += 1
        }
        #expect(fatal == 15, "a canary run has \(fatal - 1) events")
    }

    @Test(arguments: [MortalStore.Moment.beforeWriting, .afterWriting], [1, 2])
    func `whenever it dies, the run can be taken back`(
        moment: MortalStore.Moment,
        balancers: Int
    ) async throws {
        var fatal = 2
        while let after = try await crash(
            at: fatal,
            moment,
            balancers: balancers,
            then: .rollback(gradual: false)
        ) {
            #expect(
                ["settled, rolledBack", "settled, failed"].contains(after.story),
                "write \(fatal): \(after.story)"
            )
            #expect(after.shares.allSatisfy { $0 == .zero }, "write \(fatal): \(after.shares)")
            #expect(after.doneTwice == [], "write \(fatal)")
            #expect(after.violations == [] && after.breach == nil, "write \(fatal)")
            fatal += 1
        }
        #expect(fatal == 15, "a canary run has \(fatal - 1) events")
    }

    @Test(arguments: [nil, Command.rollback(gradual: false)])
    func `between two writes as well`(command: Command?) async throws {
        for tick in 1..<90 {
            let bench = Bench(Self.release, commitLength: .seconds(1))
            let after = try await bench.simulation.run {
                let process = bench.simulation.process()
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask(executorPreference: process) { _ = try await bench.start() }
                    try await bench.clock.sleep(for: .milliseconds(Int64(tick) * 290))
                    process.kill()
                    defer {
                        group.cancelAll()
                        process.reap()
                    }
                    return try await aftermath(of: bench, command)
                }
            }
            let share: Percent = command == nil ? .full : .zero
            #expect(after.shares == [share], "killed at \(tick): \(after.story)")
            #expect(after.story != "settled, failed" || command != nil, "killed at \(tick)")
            #expect(
                after.doneTwice == [] && after.violations == [] && after.breach == nil,
                "killed at \(tick)"
            )
        }
    }
}
