import DeployCore
import DeployPorts
import DeployTestKit
import Synchronization
import Testing

/// The ground under the engine's tests.
struct SimulationTests {
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test func `sleepers wake in order and hours take no time`() async throws {
        let simulation = Simulation()
        let clock = simulation.clock
        let start = clock.now()
        let log = Log()
        try await simulation.run(limit: .minutes(600)) {
            await withTaskGroup { group in
                for (name, minutes) in [("c", 300), ("a", 100), ("b", 200), ("d", 300)] as [(String, Int64)] {
                    group.addTask {
                        try? await clock.sleep(for: .minutes(minutes))
                        log.add("\(name) \(clock.now().since(start))")
                    }
                }
            }
        }
        #expect(log.all == ["a 1h40m", "b 3h20m", "c 5h", "d 5h"])
    }

    @Test func `a cancelled sleeper wakes at once`() async throws {
        let simulation = Simulation()
        let clock = simulation.clock
        let start = clock.now()
        let wasCancelled = try await simulation.run {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do throws(CancellationError) {
                        try await clock.sleep(for: .minutes(10))
                        return false
                    } catch {
                        return true
                    }
                }
                try? await clock.sleep(for: .seconds(1))
                group.cancelAll()
                return await group.next() ?? false
            }
        }
        #expect(wasCancelled)
        #expect(clock.now() == start.advanced(by: .seconds(1)))
        #expect(clock.sleeperCount == 0)
    }

    @Test func `moving the clock by hand wakes those whose time has come`() async throws {
        let clock = ManualClock(at: Timestamp(milliseconds: 0))
        let log = Log()
        let simulation = Simulation(clock: clock)
        try await simulation.run {
            await withTaskGroup { group in
                for seconds in [3, 1, 2] as [Int64] {
                    group.addTask {
                        try? await clock.sleep(for: .seconds(seconds))
                        log.add("\(seconds)")
                    }
                }
                group.addTask {
                    clock.advance(by: .seconds(2))
                    log.add("at \(clock.now().milliseconds), \(clock.sleeperCount) left")
                }
            }
        }
        #expect(log.all == ["at 2000, 1 left", "1", "2", "3"])
    }

    @Test func `work that can never end is told instead of waited for`() async throws {
        let simulation = Simulation()
        await #expect(throws: Simulation.Stuck.self) {
            try await simulation.run {
                for await _ in AsyncStream<Void>.makeStream().stream {}
            }
        }
        await #expect(throws: Simulation.Stuck.self) {
            try await simulation.run(limit: .seconds(5)) {
                try await simulation.clock.sleep(for: .seconds(6))
                try await simulation.clock.sleep(for: .seconds(6))
            }
        }
    }

    @Test func `nothing of a killed process runs`() async throws {
        let simulation = Simulation()
        let clock = simulation.clock
        let log = Log()
        try await simulation.run {
            let process = simulation.process()
            await withTaskGroup { group in
                group.addTask(executorPreference: process) {
                    await withTaskGroup { children in
                        children.addTask {
                            while (try? await clock.sleep(for: .seconds(1))) != nil { log.add("beat") }
                        }
                    }
                }
                group.addTask(executorPreference: process) {
                    try? await clock.sleep(for: .milliseconds(2500))
                    process.kill()
                    await process.suspendForever()
                }
                await process.death(on: clock)
                try? await clock.sleep(for: .minutes(1))
                log.add("checked")
                group.cancelAll()
                process.reap()
            }
        }
        #expect(log.all.prefix(3) == ["beat", "beat", "checked"])
    }
}
