import DeployCore
import Synchronization

/// The tasks of one process of a ``Simulation``, which can be killed as by SIGKILL: from one moment on, not one of
/// them runs any more.
package final class SimulatedProcess: TaskExecutor {
    private struct State {
        var isKilled = false
        /// What would have run, had the process lived.
        var held: [UnownedJob] = []
        var onReap: [CheckedContinuation<Void, Never>] = []
    }

    private let turns: TurnQueue
    private let state = Mutex(State())

    init(_ turns: TurnQueue) { self.turns = turns }

    package func enqueue(_ job: consuming ExecutorJob) {
        turns.append(UnownedJob(job), of: self)
    }

    package var isKilled: Bool { state.withLock { $0.isKilled } }

    /// Stops everything where it stands.
    ///
    /// The task that calls this goes on to its next suspension: let it call ``suspendForever()`` next.
    package func kill() {
        state.withLock { $0.isKilled = true }
    }

    /// Returns when the process has been killed, or the caller's task cancelled.
    ///
    /// Call it from another process.
    package func death(on clock: ManualClock) async {
        while !isKilled, (try? await clock.sleep(for: .milliseconds(10))) != nil {}
    }

    /// For a task of a killed process: does not return before ``reap()``.
    package func suspendForever() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isKilled { state.onReap.append(continuation) }
                return !state.isKilled
            }
            if isOver { continuation.resume() }
        }
    }

    /// Lets the tasks of a killed process come to their end, so that whoever waits for them can; cancel them
    /// first.
    ///
    /// What they do from here on says nothing about the process that died.
    package func reap() {
        let (held, waiters) = state.withLock { state in
            defer { (state.held, state.onReap, state.isKilled) = ([], [], false) }
            return (state.held, state.onReap)
        }
        for job in held { turns.append(job, of: self) }
        for waiter in waiters { waiter.resume() }
    }

    fileprivate func run(_ job: UnownedJob) {
        let isHeld = state.withLock { state in
            if state.isKilled { state.held.append(job) }
            return state.isKilled
        }
        if !isHeld { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// What can run now, in the order in which it became able to.
final class TurnQueue: Sendable {
    private struct State {
        var turns: [(job: UnownedJob, process: SimulatedProcess)] = []
        var next = 0
    }

    private let state = Mutex(State())

    func append(_ job: UnownedJob, of process: SimulatedProcess) {
        state.withLock { $0.turns.append((job, process)) }
    }

    /// Runs the first turn to its next suspension.
    ///
    /// Returns whether there was one.
    func takeNext() -> Bool {
        let turn = state.withLock { state -> (job: UnownedJob, process: SimulatedProcess)? in
            guard state.next < state.turns.count else {
                state.turns.removeAll(keepingCapacity: true)
                state.next = 0
                return nil
            }
            defer { state.next += 1 }
            return state.turns[state.next]
        }
        guard let turn else { return false }
        turn.process.run(turn.job)
        return true
    }
}
