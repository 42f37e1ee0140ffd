import Dispatch
import Glibc
import Synchronization

/// Runs C calls that may block, away from the threads that Swift's tasks share.
///
/// Not on a concurrent `DispatchQueue`: that one runs about as many blocked calls at once as there are processors,
/// so that a few balancers that do not answer would hold up all others (100 calls of 100 ms took 2.6 s).
package enum BlockingWork {
    private static let crew = Crew(limit: 64)

    /// The result of `work`, computed on another thread; at most 64 are computed at once.
    ///
    /// Cancelling the task does not cut `work` short.
    package static func run<Success: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Success, Failure>, Never>) in
            crew.take { continuation.resume(returning: Result(catching: work)) }
        }
        return try result.get()
    }
}

/// Threads that are started when there is work for them, and kept for the next.
private final class Crew: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var waiting: [Job] = []
        var threads = 0
        var idle = 0
    }

    private let limit: Int
    private let state = Mutex(State())
    private let bell = DispatchSemaphore(value: 0)

    init(limit: Int) { self.limit = limit }

    func take(_ job: @escaping Job) {
        let (isRinging, isHiring) = state.withLock { state in
            state.waiting.append(job)
            if state.idle > 0 {
                state.idle -= 1
                return (true, false)
            }
            guard state.threads < limit else { return (false, false) }
            state.threads += 1
            return (false, true)
        }
        if isRinging { bell.signal() }
        if isHiring { hire() }
    }

    private func hire() {
        var thread = pthread_t()
        let crew = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread,
            nil,
            { crew in
                if let crew { Unmanaged<Crew>.fromOpaque(crew).takeRetainedValue().work() }
                return nil
            },
            crew.toOpaque()
        )
        guard code != 0 else { return _ = pthread_detach(thread) }
        crew.release()
        // No more threads are to be had: whoever is at work goes on with it, else it is done here and now.
        let job = state.withLock { state -> Job? in
            state.threads -= 1
            return state.threads == 0 && !state.waiting.isEmpty ? state.waiting.removeFirst() : nil
        }
        job?()
    }

    private func work() {
        while true {
            let job = state.withLock { state -> Job? in
                guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
                state.idle += 1
                return nil
            }
            if let job { job() } else { bell.wait() }
        }
    }
}

/// A clock for deadlines inside blocking work, untouched by steps of the wall clock.
package enum MonotonicClock {
    package static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Blocks the thread: only inside ``BlockingWork``.
    package static func pause(milliseconds: Int) { _ = poll(nil, 0, Int32(milliseconds)) }
}
