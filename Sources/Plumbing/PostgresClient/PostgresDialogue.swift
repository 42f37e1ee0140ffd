internal import Glibc

/// One statement, from the connection to the commit.
///
/// Lives on one thread.
struct PostgresDialogue {
    /// As much of an answer is taken from the network.
    private static let byteLimit = 16 << 20
    /// The longest wait for a lock: whoever waits for one keeps others waiting.
    private static let lockLimit = 5_000
    private static let cancelLimit = Duration.seconds(1)

    private let request: PostgresRequest
    private let call: PostgresCall
    private let start = ContinuousClock.now
    private let end: ContinuousClock.Instant
    private var outcome = PostgresError.Outcome.notSent
    private var changed: Int?

    static func answer(
        _ request: PostgresRequest,
        _ call: PostgresCall
    ) throws(PostgresError) -> PostgresAnswer {
        var dialogue = PostgresDialogue(request, call)
        return try dialogue.run()
    }

    private init(_ request: PostgresRequest, _ call: PostgresCall) {
        self.request = request
        self.call = call
        end = start + request.deadline
    }

    private mutating func run() throws(PostgresError) -> PostgresAnswer {
        let link = try PostgresLink.open(request.address, until: end, call)
        let connectedAfter = ContinuousClock.now - start
        let received = link.received ?? 0
        guard link.sendScript(prologue) else { throw broken(link) }
        while let _ = try result(of: link) {}
        outcome = .rolledBack
        guard link.sendStatement(request.statement, request.values) else { throw broken(link) }
        let (rows, isCut) = try rows(of: link, from: received)
        if request.writes {
            outcome = .unknown
            guard link.sendScript("COMMIT") else { throw broken(link) }
            while let _ = try result(of: link) {}
        }
        return PostgresAnswer(
            rows: rows,
            isCut: isCut,
            changed: changed,
            connectedAfter: connectedAfter,
            duration: ContinuousClock.now - start
        )
    }

    /// Limits of the server, so that it does not go on when we are gone: a little before ours, so that it is
    /// the one that tells.
    private var prologue: String {
        let left = max(1, (end - ContinuousClock.now).wholeMilliseconds * 19 / 20)
        return """
            BEGIN \(request.writes ? "READ WRITE" : "READ ONLY");
            SET LOCAL statement_timeout = \(left);
            SET LOCAL lock_timeout = \(min(left, Self.lockLimit))
            """
    }

    /// The first rows, and whether there are more.
    ///
    /// A query is left when a row comes that nobody wants; a statement that writes is heard to its end.
    private mutating func rows(
        of link: PostgresLink,
        from received: Int
    ) throws(PostgresError) -> (first: [[PostgresAnswer.Cell]], isCut: Bool) {
        var first: [[PostgresAnswer.Cell]] = []
        var isCut = false
        while let result = try result(of: link, limit: received + Self.byteLimit) {
            guard case .row = result.kind else {
                changed = result.changed
                continue
            }
            if first.count < request.rowLimit { first.append(result.row) } else { isCut = true }
            if isCut, !request.writes {
                link.cancel(within: Self.cancelLimit, orAnswer: .timedOut(outcome))
                return (first, true)
            }
        }
        return (first, isCut)
    }

    /// The next result of what was sent; `nil` at its end.
    private func result(of link: PostgresLink, limit: Int = .max) throws(PostgresError) -> PostgresResult? {
        while true {
            switch link.next() {
            case .end: return nil
            case .broken: throw broken(link)
            case .wait:
                guard (link.received ?? 0) <= limit else {
                    throw .tooLarge("the answer is longer than \(Self.byteLimit >> 20) MB")
                }
                guard link.wait(for: POLLIN, until: end) else {
                    let error: PostgresError = call.isStopped ? .cancelled(outcome) : .timedOut(outcome)
                    link.cancel(within: Self.cancelLimit, orAnswer: error)
                    throw error
                }
            case .result(let result):
                switch result.kind {
                case .row, .done: return result
                case .problem(let problem): throw refusal(problem)
                case .copy: throw .badRequest("COPY is no statement for a check")
                case .empty: throw .badRequest("the statement is empty")
                }
            }
        }
    }

    private func refusal(_ problem: SQLProblem) -> PostgresError {
        // 57014, query_canceled: by our own limit, if its time was over.
        let isLate = ContinuousClock.now >= start + request.deadline * 9 / 10
        if problem.state == "57014", isLate { return .timedOut(.rolledBack) }
        // Without a state it is libpq's own, of a connection that ended.
        if problem.state.isEmpty { return .cutOff(reason: problem.message, outcome: outcome) }
        return .refused(problem)
    }

    private func broken(_ link: PostgresLink) -> PostgresError {
        .cutOff(reason: link.complaint, outcome: outcome)
    }
}
