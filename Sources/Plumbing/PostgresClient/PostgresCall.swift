internal import Dispatch
internal import Synchronization

/// What the one who waits for an answer and the thread that gets it have in common.
final class PostgresCall: Sendable {
    typealias Answer = Result<PostgresAnswer, PostgresError>

    private struct State {
        var isStopped = false
        /// `nil` before the beginning and after the end.
        var hand: (@Sendable (Answer) -> Void)?
        /// What the answer is when the thread is stopped while it is in a call of libpq that may hang.
        var instead: PostgresError?
    }

    private let state = Mutex(State())

    var isStopped: Bool { state.withLock(\.isStopped) }

    func begin(_ hand: @escaping @Sendable (Answer) -> Void) { state.withLock { $0.hand = hand } }

    /// The first answer is the one that counts.
    func end(_ answer: Answer) {
        let hand = state.withLock { state in
            defer { state.hand = nil }
            return state.hand
        }
        hand?(answer)
    }

    func stop() {
        let instead = state.withLock { state in
            state.isStopped = true
            return state.instead.map(\.asCancelled)
        }
        if let instead { end(.failure(instead)) }
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
        timer.setEventHandler { [self] in end(.failure(instead)) }
        timer.activate()
        defer { timer.cancel() }
        let value = work()
        return state.withLock { $0.hand == nil } ? nil : value
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
