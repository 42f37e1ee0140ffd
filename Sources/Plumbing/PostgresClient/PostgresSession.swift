internal import Dispatch
internal import Glibc
internal import Synchronization

/// One connection to a database for several statements, one after another.
///
/// Each has a deadline and ends soon when its task is cancelled. A session that lost a statement (deadline,
/// cancellation, the connection's end) is closed: what the server refuses alone leaves it as it is. It makes
/// no transactions: `BEGIN` and `COMMIT` are statements like others.
package final class PostgresSession: Sendable {
    /// The server's process, as the server tells it: a pooler between us would tell another.
    package let backendPID: Int
    /// Whether a pooler (PgBouncer) stands between: it need not keep the same server's process for us, nor pass
    /// on what that one has to tell.
    package let isPooled: Bool
    private let wire: PostgresWire

    /// Connects within `deadline`; without `heedsCancellation` also when the task is cancelled.
    ///
    /// `name` is what `pg_stat_activity` shows as `application_name`, at most 63 bytes of it.
    package static func open(
        _ address: PostgresAddress,
        named name: String,
        within deadline: Duration,
        heedsCancellation: Bool = true
    ) async throws(PostgresError) -> PostgresSession {
        let start = ContinuousClock.now
        let wire = PostgresWire()
        let greeter = try await wire.open(address, named: name, until: start + deadline, heedsCancellation)
        let left = deadline - (ContinuousClock.now - start)
        do throws(PostgresError) {
            let rows = try await wire.send(
                "SELECT pg_backend_pid()",
                [],
                .query,
                within: left,
                heedsCancellation
            )
            guard let pid = rows.first?.first?.value.flatMap({ Int($0) }) else {
                throw .unreachable(["the server does not tell its process"])
            }
            return PostgresSession(pid, isPooled: pid != greeter, wire)
        } catch {
            wire.close()
            throw error
        }
    }

    private init(_ backendPID: Int, isPooled: Bool, _ wire: PostgresWire) {
        self.backendPID = backendPID
        self.isPooled = isPooled
        self.wire = wire
    }

    deinit { wire.close() }

    /// The rows of one statement, in which `$1`, `$2` and so on stand for `values`.
    ///
    /// At most 16 MB of them. Without `heedsCancellation` it is carried out though the task is cancelled.
    package func query(
        _ statement: String,
        _ values: [String] = [],
        within deadline: Duration,
        heedsCancellation: Bool = true
    ) async throws(PostgresError) -> [[PostgresAnswer.Cell]] {
        try await wire.send(statement, values, .query, within: deadline, heedsCancellation)
    }

    /// The payloads of what came by `NOTIFY` on the channels that this session listens to.
    ///
    /// Waits for the first; empty when none came within `limit`.
    package func notifications(within limit: Duration) async throws(PostgresError) -> [String] {
        try await wire.notifications(within: limit)
    }

    /// Carries out a text of one or several statements and drops their rows.
    ///
    /// `commits` says whether what it does lasts when it is answered, so that it is `.unknown` after a lost
    /// answer and not `.rolledBack`: outside of a transaction, and with `COMMIT` in it. Several statements
    /// outside of a transaction are one transaction. Without `heedsCancellation` it is carried out though the
    /// task is cancelled.
    package func run(
        _ script: String,
        commits: Bool,
        within deadline: Duration,
        heedsCancellation: Bool = true
    ) async throws(PostgresError) {
        _ = try await wire.send(script, [], .script(commits: commits), within: deadline, heedsCancellation)
    }

    /// Ends the connection, and with it what is open in it.
    package func close() { wire.close() }
}

/// A connection on a thread of its own.
private final class PostgresWire: Sendable {
    /// As much of one answer is taken.
    private static let byteLimit = 16 << 20
    private static let cancelLimit = Duration.seconds(1)

    enum Manner {
        case query
        case script(commits: Bool)
    }

    private let queue = DispatchQueue(label: "bgdeploy.postgres.session")
    private let link = Mutex<PostgresLink?>(nil)
    /// Kept apart from the link, which a thread that hangs in libpq does not give back.
    private let isClosed = Atomic(false)

    /// The process that greets us.
    func open(
        _ address: PostgresAddress,
        named name: String,
        until end: ContinuousClock.Instant,
        _ heedsCancellation: Bool
    ) async throws(PostgresError) -> Int {
        try await PostgresCall.answer(on: queue, heedsCancellation: heedsCancellation) {
            [self] call throws(PostgresError) in
            try link.withLock { link throws(PostgresError) in
                let opened = try PostgresLink.open(address, named: name, until: end, call)
                link = opened
                return opened.greeterPID
            }
        }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        queue.async { [self] in link.withLock { $0 = nil } }
    }

    func send(
        _ text: String,
        _ values: [String],
        _ manner: Manner,
        within deadline: Duration,
        _ heedsCancellation: Bool = true
    ) async throws(PostgresError) -> [[PostgresAnswer.Cell]] {
        guard !([text] + values).contains(where: { $0.utf8.contains(0) }) else {
            throw .badRequest("the statement or a value has a NUL character in it")
        }
        guard !isClosed.load(ordering: .relaxed) else { throw Self.closed }
        let end = ContinuousClock.now + deadline
        do throws(PostgresError) {
            return try await PostgresCall.answer(on: queue, heedsCancellation: heedsCancellation) {
                [self] call throws(PostgresError) in
                try link.withLock { link throws(PostgresError) in
                    guard let link else { throw Self.closed }
                    link.call = call
                    return try Self.answer(link, text, values, manner, until: end)
                }
            }
        } catch {
            if case .refused = error { throw error }
            close()
            throw error
        }
    }

    func notifications(within limit: Duration) async throws(PostgresError) -> [String] {
        guard !isClosed.load(ordering: .relaxed) else { throw Self.closed }
        let end = ContinuousClock.now + limit
        return try await PostgresCall.answer(on: queue) { [self] call throws(PostgresError) in
            try link.withLock { link throws(PostgresError) in
                guard let link else { throw Self.closed }
                link.call = call
                repeat {
                    guard let payloads = link.notifications() else {
                        throw .cutOff(reason: link.complaint, outcome: .notSent)
                    }
                    if !payloads.isEmpty { return payloads }
                } while link.wait(for: POLLIN, until: end)
                return []
            }
        }
    }

    private static let closed = PostgresError.cutOff(reason: "the session is closed", outcome: .notSent)

    // MARK: on the thread

    private static func answer(
        _ link: PostgresLink,
        _ text: String,
        _ values: [String],
        _ manner: Manner,
        until end: ContinuousClock.Instant
    ) throws(PostgresError) -> [[PostgresAnswer.Cell]] {
        guard !link.call.isStopped else { throw .cancelled(.notSent) }
        let isSent: Bool
        let outcome: PostgresError.Outcome
        switch manner {
        case .query: (isSent, outcome) = (link.sendStatement(text, values), .unknown)
        case .script(let commits):
            (isSent, outcome) = (
                link.sendScript(text) && link.takeRowByRow(), commits ? .unknown : .rolledBack
            )
        }
        guard isSent else { throw .cutOff(reason: link.complaint, outcome: .notSent) }
        var rows: [[PostgresAnswer.Cell]] = []
        var bytes = 0
        var problem: SQLProblem?
        while let result = try next(of: link, outcome, problem, until: end) {
            switch result.kind {
            case .row:
                guard case .query = manner else { continue }
                let row = result.row
                bytes += row.reduce(0) { $0 + ($1.value?.utf8.count ?? 0) }
                guard bytes <= byteLimit else {
                    throw .tooLarge("the answer is longer than \(byteLimit >> 20) MB")
                }
                rows.append(row)
            case .done, .empty: continue
            case .problem(let found): problem = problem ?? found
            case .copy: throw .badRequest("COPY from or to the client is not for a session")
            }
        }
        guard let problem else { return rows }
        // Without a state it is libpq's own, of a connection that ended; and some of the server's end it.
        guard !problem.state.isEmpty, !link.isBroken else {
            throw .cutOff(reason: problem.message, outcome: outcome)
        }
        throw .refused(problem)
    }

    /// `nil` at the end of the answer.
    private static func next(
        of link: PostgresLink,
        _ outcome: PostgresError.Outcome,
        _ problem: SQLProblem?,
        until end: ContinuousClock.Instant
    ) throws(PostgresError) -> PostgresResult? {
        while true {
            switch link.next() {
            case .end: return nil
            case .result(let result): return result
            case .broken:
                throw .cutOff(reason: problem?.message ?? link.complaint, outcome: outcome)
            case .wait:
                guard !link.wait(for: POLLIN, until: end) else { continue }
                let error: PostgresError = link.call.isStopped ? .cancelled(outcome) : .timedOut(outcome)
                link.cancel(within: cancelLimit, orAnswer: error)
                throw error
            }
        }
    }
}
