import ChildProcesses
import DeployCore
import DeployPorts
import PostgresClient

/// A way to the database that is migrated, and words for what goes wrong on it.
///
/// No text of it has a secret in it.
struct MigrationConnection: Sendable {
    private static let lineLimit = 600

    let address: PostgresAddress
    private let redactor: Redactor

    /// Fails for what is no URL.
    init(_ database: MigrationDatabase) throws(StepFailure) {
        do throws(PostgresError) {
            address = try PostgresAddress(database.url)
        } catch {
            guard case .badRequest(let text) = error else { throw StepFailure("migrate: no connection") }
            throw StepFailure("migrate: \(text)", isTransient: false)
        }
        let password = address.password.map { [$0] } ?? []
        redactor = Redactor(secrets: Array(database.values.secrets.values) + password + [database.url])
    }

    /// A session with the server that takes changes.
    ///
    /// A standby may be behind: what it does not show may be committed nevertheless.
    func open(named name: String, within limit: Duration) async throws(PostgresError) -> PostgresSession {
        let deadline = Deadline(in: limit)
        let session = try await PostgresSession.open(address, named: name, within: limit)
        let isStandby: Bool
        do throws(PostgresError) {
            let answer = try await session.query("SELECT pg_is_in_recovery()", within: deadline.left)
            isStandby = answer.first?.first?.value != "f"
        } catch {
            session.close()
            throw error
        }
        guard !isStandby else {
            session.close()
            throw .unreachable([
                "\(address.place) is a standby, whose word does not count; expected the primary"
            ])
        }
        return session
    }

    /// One line of at most `limit` bytes, without secrets and control characters.
    func line(_ text: some StringProtocol, limit: Int = lineLimit) -> String {
        var result = ""
        for word in redactor.masked(String(text)).split(whereSeparator: \.isWhitespace) {
            result += (result.isEmpty ? "" : " ") + word
            if result.utf8.count > limit { break }
        }
        // A control character in a name or a value could move a terminal's cursor.
        let plain = result.unicodeScalars.filter { $0.properties.generalCategory != .control }
        let text = String(String.UnicodeScalarView(plain))
        return text.count > limit ? text.prefix(limit) + "…" : text
    }

    /// A failure of several lines: what happened to `subject`, and then facts by name.
    func failure(
        _ subject: String,
        _ text: String,
        _ facts: [(name: String, text: String)] = [],
        isTransient: Bool
    ) -> StepFailure {
        let all = facts + [("database", address.place)]
        let lines = all.filter { !$0.text.isEmpty }.map { fact in
            "  " + fact.name + String(repeating: " ", count: max(1, 11 - fact.name.count)) + line(fact.text)
        }
        return StepFailure(
            (["migrate \(line(subject)): \(line(text))"] + lines).joined(separator: "\n"),
            isTransient: isTransient
        )
    }

    /// `facts` say what is known of the migration, which `error` alone does not tell.
    func failure(
        _ subject: String,
        _ error: PostgresError,
        _ facts: [(name: String, text: String)] = []
    ) -> StepFailure {
        switch error {
        case .badRequest(let text): failure(subject, text, facts, isTransient: false)
        case .unreachable(let reasons):
            failure(
                subject,
                "no connection",
                reasons.map { ("server", $0) } + facts,
                isTransient: !reasons.contains { $0.contains("authentication failed") }
            )
        case .refused(let problem):
            failure(
                subject,
                "\(problem.message) (SQLSTATE \(problem.state))",
                [("detail", problem.detail), ("hint", problem.hint)] + facts,
                isTransient: Self.mayPass(problem)
            )
        case .cutOff(let reason, _):
            failure(subject, "the connection ended: \(reason)", facts, isTransient: true)
        case .timedOut: failure(subject, "no answer within its time", facts, isTransient: true)
        case .tooLarge(let text): failure(subject, text, facts, isTransient: false)
        case .cancelled: failure(subject, "stopped", facts, isTransient: false)
        }
    }

    /// Classes 08, 40, 53, 55 and 57: connections, collisions, resources, locks, an operator's hand.
    private static func mayPass(_ problem: SQLProblem) -> Bool {
        ["08", "40", "53", "55", "57"].contains { problem.state.hasPrefix($0) }
    }
}

extension StepAttempt {
    /// What the server shows as `application_name` of all that migrates for this attempt, so that its locks can
    /// be attributed to it: ASCII, at most the 63 bytes that the server keeps.
    var applicationName: String {
        let name = "bgdeploy \(run) \(step)".unicodeScalars.map { $0.isASCII ? $0 : "?" }
        return String(String.UnicodeScalarView(name.prefix(63)))
    }

    /// Its time but for a tenth, at most a minute, in which the database is asked what has come of it.
    var timeToMigrate: Span {
        .milliseconds(deadline.milliseconds - min(deadline.milliseconds / 10, 60_000))
    }

    /// The same attempt with less time: in whole seconds if it is more than a few, since texts name it.
    func ending(in limit: Duration) -> StepAttempt {
        let left = max(1, Int64(limit / .milliseconds(1)))
        return StepAttempt(
            run: run,
            step: step,
            number: number,
            deadline: .milliseconds(left < 10_000 ? left : left / 1000 * 1000),
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: report,
            note: note
        )
    }
}

/// What is left of an attempt's time.
struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    init(in span: Span) { self.init(in: Duration.milliseconds(span.milliseconds)) }
    init(in duration: Duration) { end = .now + duration }

    var isOver: Bool { left <= .zero }
    var left: Duration { end - .now }
    var milliseconds: Int64 {
        max(1, left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000)
    }
}
