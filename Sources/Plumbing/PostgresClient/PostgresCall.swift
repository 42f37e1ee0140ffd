internal import Dispatch
internal import Synchronization

/// What the one who waits for an answer and the thread that gets it have in common.
final class PostgresCall: Sendable {
    private struct State {
        var isStopped = false
        /// Answers with a failure; `nil` before the beginning and after the end.
        var fail: (@Sendable (PostgresError) -> Void)?
        /// What the answer is when the thread is stopped while it is in a call of libpq that may hang.
        var instead: PostgresError?
    }

    private let state = Mutex(State())

    var isStopped: Bool { state.withLock(\.isStopped) }

    /// The answer to `work`, which runs on `queue`; soon when the task is cancelled and `heedsCancellation`.
    static func answer<Value: Sendable>(
        on queue: DispatchQueue,
        heedsCancellation: Bool = true,
        _ work: @escaping @Sendable (PostgresCall) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let call = PostgresCall()
        let result: Result<Value, PostgresError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                call.state.withLock { $0.fail = { continuation.resume(returning: .failure($0)) } }
                queue.async {
                    let result = Result { () throws(PostgresError) in try work(call) }
                    if call.end() != nil { continuation.resume(returning: result) }
                }
            }
        } onCancel: {
            if heedsCancellation { call.stop() }
        }
        return try result.get()
    }

    /// The first answer is the one that counts: `nil` when it was given before.
    private func end() -> (@Sendable (PostgresError) -> Void)? {
        state.withLock { state in
            defer { state.fail = nil }
            return state.fail
        }
    }

    private func end(_ error: PostgresError) { end()?(error) }

    private func stop() {
        let instead = state.withLock { state in
            state.isStopped = true
            return state.instead.map(\.asCancelled)
        }
        if let instead { end(instead) }
    }

    /// Lets `work` hang: when `limit` is over, and when the call is stopped, the answer is `instead`, and the
    /// thread is left behind.
    ///
    /// `nil` when that has happened: go no further.
    func mayHang<Value>(for limit: Duration, _ instead: PostgresError, _ work: () -> Value) -> Value? {
        let isStopped = state.withLock { state in
            state.instead = instead
            return state.isStopped
        }
        defer { state.withLock { $0.instead = nil } }
        guard !isStopped else { return nil }
        return overdue(after: limit, instead, work)
    }

    /// The same for what is done because the call was stopped.
    func overdue<Value>(after limit: Duration, _ instead: PostgresError, _ work: () -> Value) -> Value? {
        let timer = DispatchSource.makeTimerSource()
        timer.schedule(deadline: .now() + limit.interval)
        timer.setEventHandler { [self] in end(instead) }
        timer.activate()
        defer { timer.cancel() }
        let value = work()
        return state.withLock { $0.fail == nil } ? nil : value
    }
}

extension PostgresError {
    /// The same knowledge of the statement, after somebody has stopped it.
    fileprivate var asCancelled: PostgresError {
        if case .timedOut(let outcome) = self { .cancelled(outcome) } else { self }
    }
}

extension Duration {
    fileprivate var interval: DispatchTimeInterval { .milliseconds(max(1, wholeMilliseconds)) }

    /// Rounded towards zero.
    var wholeMilliseconds: Int {
        Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
