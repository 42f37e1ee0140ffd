internal import CLibpq
internal import Glibc

/// One connection of libpq, which waits for its socket and never for ever.
///
/// Lives on one thread.
final class PostgresLink {
    /// Why there is no connection, in libpq's words.
    struct NoConnection: Error { let reason: String }

    private let handle: OpaquePointer
    /// For whom it waits: a session's next call takes the place of the one before.
    var call: PostgresCall

    /// Tries one host, until `end`.
    init(
        _ parameters: [PostgresAddress.Parameter],
        until end: ContinuousClock.Instant,
        _ call: PostgresCall
    )
        throws(NoConnection)
    {
        let all =
            parameters + [
                PostgresAddress.Parameter(name: "fallback_application_name", value: "bgdeploy"),
                PostgresAddress.Parameter(name: "client_encoding", value: "UTF8"),
            ]
        let left = end - ContinuousClock.now
        var made: OpaquePointer?
        let isInTime = call.mayHang(for: left, .timedOut(.notSent)) { made = Self.start(all) } != nil
        guard let handle = made, isInTime else {
            bg_pq_finish(made)
            throw NoConnection(reason: "no answer in time")
        }
        self.handle = handle
        self.call = call
        bg_pq_drop_notices(handle)
        guard bg_pq_status(handle) != CONNECTION_BAD else { throw NoConnection(reason: complaint) }
        try connect(until: end)
        _ = bg_pq_setnonblocking(handle, 1)
    }

    deinit { bg_pq_finish(handle) }

    /// libpq's words for what went wrong last, in one line.
    var complaint: String {
        String(cString: bg_pq_errorMessage(handle))
            .split(whereSeparator: { $0.isNewline || $0 == "\t" }).joined(separator: " ")
    }

    /// The process that greeted us: the server's own, or what a pooler says instead.
    var greeterPID: Int { Int(bg_pq_backendPID(handle)) }

    /// The bytes that came so far; `nil` where the kernel does not count them.
    var received: Int? {
        let count = bg_pq_received(bg_pq_socket(handle))
        return count >= 0 ? Int(count) : nil
    }

    /// The host may be a name, which libpq looks up in this call.
    private static func start(_ parameters: [PostgresAddress.Parameter]) -> OpaquePointer? {
        let names = parameters.map { strdup($0.name) }
        let values = parameters.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        let ends: [UnsafePointer<CChar>?] = [nil]
        return bg_pq_connectStartParams(
            names.map { UnsafePointer($0) } + ends,
            values.map { UnsafePointer($0) } + ends,
            0
        )
    }

    private func connect(until end: ContinuousClock.Instant) throws(NoConnection) {
        var status = PGRES_POLLING_WRITING
        while status != PGRES_POLLING_OK {
            guard status != PGRES_POLLING_FAILED else { throw NoConnection(reason: complaint) }
            let event = status == PGRES_POLLING_READING ? POLLIN : POLLOUT
            guard wait(for: event, until: end) else {
                throw NoConnection(reason: call.isStopped ? "stopped" : "no answer in time")
            }
            status = bg_pq_connectPoll(handle)
        }
    }

    /// Whether the connection has ended.
    var isBroken: Bool { bg_pq_status(handle) == CONNECTION_BAD }

    // MARK: statements

    func sendScript(_ text: String) -> Bool { bg_pq_sendQuery(handle, text) == 1 }

    /// `values` are for `$1`, `$2` and so on.
    func sendStatement(_ text: String, _ values: [String]) -> Bool {
        let copies = values.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let count = Int32(values.count)
        return bg_pq_sendStatement(handle, text, count, copies.map { UnsafePointer($0) }) == 1
            && takeRowByRow()
    }

    /// Takes what comes row by row: an answer as a whole may be larger than our memory.
    func takeRowByRow() -> Bool { bg_pq_setSingleRowMode(handle) == 1 }

    enum Step {
        case result(PostgresResult)
        /// The last statement is answered in full.
        case end
        /// libpq needs more bytes of the server.
        case wait
        case broken
    }

    /// What of the answer is there; reads what has come.
    func next() -> Step {
        guard bg_pq_flush(handle) >= 0, bg_pq_consumeInput(handle) == 1 else { return .broken }
        guard bg_pq_isBusy(handle) == 0 else { return .wait }
        return bg_pq_getResult(handle).map { .result(PostgresResult($0)) } ?? .end
    }

    /// The payloads of what came by `NOTIFY`; reads what has come.
    ///
    /// `nil` when the connection has ended.
    func notifications() -> [String]? {
        guard bg_pq_consumeInput(handle) == 1 else { return nil }
        var payloads: [String] = []
        while let notice = bg_pq_notifies(handle) {
            payloads.append(notice.pointee.extra.map { String(cString: $0) } ?? "")
            bg_pq_freemem(notice)
        }
        return payloads
    }

    /// Waits for the socket, until `end` or until the call is stopped; returns whether it is ready.
    func wait(for event: Int32, until end: ContinuousClock.Instant) -> Bool {
        while !call.isStopped {
            let left = (end - ContinuousClock.now).wholeMilliseconds
            guard left > 0 else { return false }
            let isUnsent = bg_pq_flush(handle) == 1
            var entry = pollfd(
                fd: bg_pq_socket(handle),
                events: Int16(isUnsent ? event | POLLOUT : event),
                revents: 0
            )
            // In slices, since nobody wakes us when the call is stopped.
            if poll(&entry, 1, Int32(min(left, 50))) > 0 { return true }
        }
        return false
    }

    /// Asks the server, over a connection of its own, to end what it is doing for us.
    func cancel(within limit: Duration, orAnswer instead: PostgresError) {
        _ = call.overdue(after: limit, instead) {
            guard let cancel = bg_pq_getCancel(handle) else { return }
            defer { bg_pq_freeCancel(cancel) }
            var room = [CChar](repeating: 0, count: 256)
            _ = bg_pq_cancel(cancel, &room, Int32(room.count))
        }
    }
}
