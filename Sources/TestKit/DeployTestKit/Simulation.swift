package import DeployCore
import Synchronization

/// Concurrent code on one thread and on a clock of its own: the same input gives the same order of everything.
///
/// Whatever can run, runs, first come first served; when nothing can, the clock moves to the next sleeper. Hours
/// pass in milliseconds, and nothing that is written in terms of tasks and clocks can tell.
package final class Simulation: Sendable {
    /// The work can never end: nothing can run and nobody sleeps, or its time is over.
    package struct Stuck: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    package let clock: ManualClock
    private let turns = TurnQueue()
    private let processes = Mutex<[SimulatedProcess]>([])

    package init(clock: ManualClock = ManualClock()) { self.clock = clock }

    /// A process beside the one that ``run(limit:_:)`` begins, for `addTask(executorPreference:)`.
    package func process() -> SimulatedProcess {
        let process = SimulatedProcess(turns)
        processes.withLock { $0.append(process) }
        return process
    }

    /// Runs `body` to its end, for at most `limit` of the clock's time.
    ///
    /// Throws what `body` throws, and ``Stuck``.
    @discardableResult
    package func run<Value: Sendable>(
        limit: Span = .minutes(60),
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let end = clock.now().advanced(by: limit)
        let main = process()
        let done = DoneFlag()
        return try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(executorPreference: main) {
                defer { done.raise() }
                return try await body()
            }
            let problem = crank(until: end) { done.isRaised }
            if let problem {
                group.cancelAll()
                for process in processes.withLock({ $0 }) { process.reap() }
                let rest = crank(until: clock.now().advanced(by: limit)) { done.isRaised }
                precondition(
                    rest == nil,
                    "what was cancelled does not end: \(problem), \(rest?.description ?? "")"
                )
                _ = await group.nextResult()
                throw problem
            }
            guard let value = try await group.next() else {
                throw Stuck(description: "the work had no result")
            }
            return value
        }
    }

    private func crank(until end: Timestamp, isDone: () -> Bool) -> Stuck? {
        while !isDone() {
            if turns.takeNext() { continue }
            guard clock.now() <= end else { return Stuck(description: "not done in its time") }
            guard clock.wakeNext() else { return Stuck(description: "nothing can run and nobody sleeps") }
        }
        return nil
    }
}

private final class DoneFlag: Sendable {
    private let value = Mutex(false)

    var isRaised: Bool { value.withLock { $0 } }

    func raise() { value.withLock { $0 = true } }
}
