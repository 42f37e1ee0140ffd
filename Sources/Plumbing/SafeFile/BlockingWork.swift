import Dispatch
import Glibc

/// Runs C calls that may block, away from the threads that Swift's tasks share.
package enum BlockingWork {
    private static let queue = DispatchQueue(label: "bgdeploy.blocking", attributes: .concurrent)

    /// The result of `work`, computed on a thread of its own.
    ///
    /// Cancelling the task does not cut `work` short.
    package static func run<Success: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Success, Failure>, Never>) in
            queue.async { continuation.resume(returning: Result(catching: work)) }
        }
        return try result.get()
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
