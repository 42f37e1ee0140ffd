import DeployCore
import DeployPorts
import PostgresClient
import Synchronization

/// Looks from a connection of its own at who blocks whom while a migration runs, and ends the migration's
/// statement when users have waited behind it for too long.
///
/// The migration's back-ends are those with the attempt's `application_name`, and stay so when a script takes
/// another name.
struct LockWatch: Sendable {
    private static let pause: Int64 = 250
    private static let queryLimit = Duration.seconds(5)

    let connection: MigrationConnection
    /// How long users may wait behind the migration.
    let limit: Span
    let attempt: StepAttempt
    let findings = Findings()

    /// What it has seen, for the failure's text.
    final class Findings: Sendable {
        private struct State {
            var seen: [LockSituation] = []
            var gaveUpFor: [LockSituation] = []
        }

        private let state = Mutex(State())

        /// Whom the migration waited for when it was last seen to wait.
        var holders: [LockSituation] { state.withLock { $0.seen.filter { $0.direction == .weWait } } }
        /// Who waited when the migration was ended for it; empty when it was not.
        var gaveUpFor: [LockSituation] { state.withLock(\.gaveUpFor) }

        fileprivate func see(_ situations: [LockSituation]) {
            guard !situations.isEmpty else { return }
            state.withLock { $0.seen = situations }
        }

        fileprivate func giveUp(for users: [LockSituation]) { state.withLock { $0.gaveUpFor = users } }
    }

    /// Watches until the task is cancelled.
    func run() async {
        var look = Look()
        var session: PostgresSession?
        while !Task.isCancelled {
            do throws(PostgresError) {
                let open = if let session { session } else { try await begin() }
                session = open
                try await take(&look, open)
            } catch {
                session?.close()
                session = nil
                if !look.isBlind, !Task.isCancelled {
                    let text = connection.failure("lock watch", error).message
                    attempt.report("locks are not watched for now: \(connection.line(text))")
                }
                look.isBlind = true
            }
            await Pause.wait(milliseconds: Self.pause)
        }
        session?.close()
    }

    private func begin() async throws(PostgresError) -> PostgresSession {
        try await connection.open(named: "bgdeploy lock watch", within: Self.queryLimit)
    }

    // MARK: one look

    /// What is remembered from look to look.
    private struct Look {
        var isBlind = false
        /// The migration's back-ends so far.
        var pids: Set<Int> = []
        /// Since when each situation lasts.
        var since: [LockSituation.Key: ContinuousClock.Instant] = [:]
        var noted: Set<LockSituation.Key> = []
    }

    private func take(_ look: inout Look, _ session: PostgresSession) async throws(PostgresError) {
        let known = look.pids.map(String.init).joined(separator: ",")
        let rows = try await session.query(
            LockSituation.question,
            [attempt.applicationName, "{\(known)}"],
            within: Self.queryLimit
        )
        look.isBlind = false
        let now = ContinuousClock.now
        var situations: [LockSituation] = []
        look.pids = []
        for row in rows {
            if let pid = row.first?.value.flatMap({ Int($0) }) { look.pids.insert(pid) }
            if let found = LockSituation(row, connection) { situations.append(found) }
        }
        look.since = Dictionary(situations.map { ($0.key, look.since[$0.key] ?? now) }) { first, _ in first }
        findings.see(situations)
        for situation in situations where look.noted.insert(situation.key).inserted { tell(situation) }
        let late = situations.filter { situation in
            guard situation.direction == .theyWait, situation.isUser, let start = look.since[situation.key]
            else {
                return false
            }
            return now - start > .milliseconds(limit.milliseconds)
        }
        guard !late.isEmpty else { return }
        try await giveUp(for: late, session)
        // The next statement has its own time.
        for situation in late { look.since[situation.key] = nil }
    }

    private func tell(_ situation: LockSituation) {
        attempt.report(situation.text)
        attempt.note(Note(topic: "migration", text: situation.text, facts: situation.facts))
    }

    /// Ends the migration's statement if the user still waits for it.
    private func giveUp(for users: [LockSituation], _ session: PostgresSession) async throws(PostgresError) {
        var ended: [LockSituation] = []
        for user in users {
            let answer = try await session.query(
                """
                SELECT pg_cancel_backend(b) FROM unnest(pg_blocking_pids($1::int)) b WHERE b = $2::int
                """,
                ["\(user.pid)", "\(user.ourPID)"],
                within: Self.queryLimit
            )
            if answer.first?.first?.value == "t" { ended.append(user) }
        }
        guard !ended.isEmpty else { return }
        findings.giveUp(for: ended)
        let text = "users have waited for the migration for longer than \(limit): its statement was cancelled"
        attempt.report(text)
        attempt.note(
            Note(
                topic: "migration",
                text: text,
                facts: ["waiting": ended.map { "\($0.pid)" }.joined(separator: ",")]
            )
        )
    }
}
