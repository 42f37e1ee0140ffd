internal import PostgresClient

/// Why there is no diagnosis.
package enum DiagnosisError: Error, Hashable, Sendable {
    /// Not a PostgreSQL URL; the URL is not told.
    case badURL(String)
    /// No server answered, or libpq is missing. What can be done is in the text.
    case unreachable(String)
}

/// Looks at a database and changes nothing.
///
/// All questions go over one connection, one after the other, in read-only transactions. None waits for
/// longer than half a second for somebody's lock, and each ends on the server too when its time is over.
package struct Diagnostician: Sendable {
    private static let examinations: [any Examination.Type] = [
        Blockers.self, Connections.self, Transactions.self, Replication.self, Storage.self,
        Wraparound.self, Vacuum.self, Indexes.self, Sequences.self, Activity.self, Statements.self,
    ]

    private let url: String
    private let thresholds: Thresholds
    private let limit: Duration

    /// `limit` is for all questions together.
    package init(url: String, thresholds: Thresholds = Thresholds(), limit: Duration = .seconds(15)) {
        self.url = url
        self.thresholds = thresholds
        self.limit = limit
    }

    /// Ends within the limit; what could not be asked is in ``Diagnosis/unseen`` and hides nothing else.
    package func diagnose() async throws(DiagnosisError) -> Diagnosis {
        let end = ContinuousClock.now + limit
        let address: PostgresAddress
        do throws(PostgresError) {
            address = try PostgresAddress(url)
        } catch {
            let text = Self.words(error)
            throw text.hasPrefix("libpq") ? .unreachable(text) : .badURL(text)
        }
        var inquiry = Inquiry(address, until: end)
        defer { inquiry.close() }
        let server: ServerProfile
        do throws(PostgresError) {
            server = try await inquiry.answer(to: ServerProfile.query)
        } catch {
            throw .unreachable("\(address.place): \(Self.words(error))\(Self.advice(error))")
        }
        var reports = [TopicReport(unseen: server.unseen)]
        for examination in Self.examinations {
            reports.append(await report(of: examination, server, &inquiry))
        }
        return Diagnosis(place: address.place, server: server, reports: reports)
    }

    private func report<Figures: Examination>(
        of kind: Figures.Type,
        _ server: ServerProfile,
        _ inquiry: inout Inquiry
    ) async -> TopicReport {
        func unseen(_ reason: String) -> TopicReport {
            TopicReport(unseen: [Unseen(topic: kind.topic, reason: reason)])
        }
        switch kind.question(for: server) {
        case .skip(let reason): return unseen(reason)
        case .ask(let statement):
            guard !inquiry.isOver else { return unseen("not asked: the \(limit) for all were over") }
            do throws(PostgresError) {
                let figures: Figures = try await inquiry.answer(to: statement)
                return figures.report(server, thresholds)
            } catch {
                return unseen(Self.words(error))
            }
        }
    }

    // MARK: words

    private static func words(_ error: PostgresError) -> String {
        switch error {
        case .badRequest(let text), .tooLarge(let text): text
        case .unreachable(let reasons): reasons.joined(separator: "; ")
        case .refused(let problem): "\(problem.message) (SQLSTATE \(problem.state))"
        case .cutOff(let reason, _): "the connection ended: \(reason)"
        case .timedOut: "no answer in time"
        case .cancelled: "stopped"
        }
    }

    /// A server without a free connection is the one that most needs to be looked at.
    private static func advice(_ error: PostgresError) -> String {
        guard case .unreachable(let reasons) = error,
            reasons.contains(where: { reason in
                ["too many clients", "connection slots are reserved", "too many connections"]
                    .contains { reason.contains($0) }
            })
        else { return "" }
        return """

            All connections are taken. Some are reserved for superusers: run this again with a superuser's \
            URL, or stop one instance of the application.
            """
    }
}
