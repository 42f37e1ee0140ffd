internal import FoundationEssentials
internal import PostgresClient

/// Asks a database one question after another and leaves no trace: one connection, read-only transactions.
///
/// A connection that a question lost is made anew for the next one.
struct Inquiry {
    private static let name = "bgdeploy-diagnosis"
    /// Begins every question, for whoever finds one in a log; and so that we do not tell of ourselves.
    static let mark = "/* bgdeploy-diagnosis */"
    private static let questionLimit = Duration.seconds(5)
    /// Whoever waits for a lock keeps others waiting, in a database that may be in trouble for just that.
    private static let lockLimit = Duration.milliseconds(500)

    let address: PostgresAddress
    /// For all questions together.
    let end: ContinuousClock.Instant
    private var session: PostgresSession?

    init(_ address: PostgresAddress, until end: ContinuousClock.Instant) {
        self.address = address
        self.end = end
    }

    var isOver: Bool { ContinuousClock.now >= end }

    /// The JSON document that `statement` answers with; `.badRequest` when it has another form.
    ///
    /// Ends on both sides within five seconds and before `end`.
    mutating func answer<Figures: Decodable>(
        to statement: String
    ) async throws(PostgresError) -> Figures {
        let start = ContinuousClock.now
        let limit = min(Self.questionLimit, end - start)
        let session: PostgresSession
        if let open = self.session {
            session = open
        } else {
            session = try await PostgresSession.open(address, named: Self.name, within: limit)
            self.session = session
        }
        let text: String?
        do throws(PostgresError) {
            let left = limit - (ContinuousClock.now - start)
            try await session.run(Self.prologue(left), commits: false, within: left)
            text = try await session.query("\(Self.mark) \(statement)", within: left).first?.first?.value
            // Not ROLLBACK: the server counts those, and people look at the count.
            try await session.run("COMMIT", commits: false, within: left)
        } catch {
            await leave(session, after: error)
            throw error
        }
        return try decoded(text ?? "")
    }

    func close() { session?.close() }

    /// The server's limit is a little below ours, so that it is the one that tells.
    private static func prologue(_ left: Duration) -> String {
        let limit = max(1, left.wholeMilliseconds * 19 / 20)
        return """
            BEGIN READ ONLY;
            SET LOCAL statement_timeout = \(limit);
            SET LOCAL lock_timeout = \(min(limit, lockLimit.wholeMilliseconds))
            """
    }

    /// What the server refused leaves a transaction to end; anything else has lost the connection.
    private mutating func leave(_ session: PostgresSession, after error: PostgresError) async {
        if case .refused = error {
            do throws(PostgresError) {
                return try await session.run("ROLLBACK", commits: false, within: .seconds(1))
            } catch {
                // Closed below, like every connection that no longer answers.
            }
        }
        session.close()
        self.session = nil
    }

    private func decoded<Figures: Decodable>(_ text: String) throws(PostgresError) -> Figures {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        if let key = QueryText.secretKey { decoder.userInfo[key] = address.password }
        do {
            return try decoder.decode(Figures.self, from: Data(text.utf8))
        } catch {
            throw .badRequest("the server's answer has another form than expected: \(Self.place(error))")
        }
    }

    /// Where the answer differs, without its text.
    private static func place(_ error: any Error) -> String {
        let context: DecodingError.Context? =
            switch error as? DecodingError {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            default: nil
            }
        return context?.codingPath.map(\.stringValue).joined(separator: ".") ?? "no JSON"
    }
}

extension Duration {
    /// Rounded towards zero.
    fileprivate var wholeMilliseconds: Int {
        Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
