import DeployCore
import DeployPorts
import PostgresClient

/// One migration of a database at a time, whichever tool carries it out: a session's advisory lock.
struct MigrationLock: Sendable {
    /// Of `pg_advisory_lock(int, int)`: the letters `bgde` and `ploy`.
    static let key = (first: 1_650_943_077, second: 1_886_154_617)
    private static let releaseLimit = Duration.seconds(2)

    let connection: MigrationConnection
    let attempt: StepAttempt
    let deadline: Deadline

    /// A session that has the lock until it ends.
    ///
    /// Waits for who has it until the deadline: also our own back-end of an earlier connection, which the server
    /// may not have missed us at yet.
    func take() async throws(StepFailure) -> PostgresSession {
        let session: PostgresSession
        do throws(PostgresError) {
            session = try await connection.open(
                named: attempt.applicationName,
                within: min(deadline.left, .seconds(30))
            )
        } catch {
            throw connection.failure("the database", error)
        }
        let holder: String?
        do throws(PostgresError) {
            try await Self.endWithUs(session, within: deadline.left)
            holder = try await tryUntilTheEnd(session)
        } catch {
            session.close()
            throw connection.failure("the database", error)
        }
        if let holder {
            session.close()
            throw failure(holder)
        }
        return session
    }

    /// Gives the lock back and ends the session, also when the task is cancelled.
    ///
    /// To end it alone is not enough: a pooler between keeps the server's session, and the lock with it.
    static func release(_ session: PostgresSession) async {
        // A connection that is lost has lost the lock too.
        try? await session.run(
            "ROLLBACK; SELECT pg_advisory_unlock(\(key.first), \(key.second))",
            commits: true,
            within: releaseLimit,
            heedsCancellation: false
        )
        session.close()
    }

    /// Has the server end a statement of ours soon after we are gone, from PostgreSQL 14 on.
    static func endWithUs(
        _ session: PostgresSession,
        within limit: Duration
    ) async throws(PostgresError) {
        let setting = """
            SELECT set_config('client_connection_check_interval', '1s', false)
            WHERE current_setting('server_version_num')::int >= 140000
            """
        do throws(PostgresError) {
            try await session.run(setting, commits: true, within: limit)
        } catch {
            // A server on a system that cannot tell whether a client is there: the lock waits for it instead.
            guard case .refused = error else { throw error }
        }
    }

    /// Takes the lock; returns who has it when the time is over.
    private func tryUntilTheEnd(_ session: PostgresSession) async throws(PostgresError) -> String? {
        var told = ""
        while true {
            let answer = try await session.query(
                "SELECT pg_try_advisory_lock(\(Self.key.first), \(Self.key.second))",
                within: deadline.left
            )
            guard answer.first?.first?.value != "t" else { return nil }
            let holder = try await holder(session)
            if holder != told, !holder.isEmpty {
                let text = "waiting for who migrates this database: \(connection.line(holder))"
                attempt.report(text)
                attempt.note(Note(topic: "migration", text: text))
                told = holder
            }
            // A second before the end, so that there is time to say who it is.
            guard deadline.left > .seconds(1) else { return holder }
            await Pause.wait(milliseconds: 250)
        }
    }

    /// Who has the lock, for a person; empty when it is free.
    private func holder(_ session: PostgresSession) async throws(PostgresError) -> String {
        let rows = try await session.query(
            """
            SELECT format('pid %s, user %s, application "%s", connected since %s, %s for %s s', a.pid, a.usename,
                a.application_name, a.backend_start::timestamp(0), a.state,
                extract(epoch FROM clock_timestamp() - a.state_change)::int), left(a.query, 2000)
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE \(Self.held) AND l.granted
            """,
            within: deadline.left
        )
        guard let row = rows.first, row.count == 2, let who = row[0].value else { return "" }
        // Secrets are masked while they are whole.
        let query = QueryText(connection.line(row[1].value ?? "", limit: 2000))
        return "\(who), last statement: \(query)"
    }

    static var held: String {
        """
        l.locktype = 'advisory' AND l.classid = \(key.first) AND l.objid = \(key.second)
            AND l.objsubid = 2 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    }

    private func failure(_ holder: String) -> StepFailure {
        connection.failure(
            "the database",
            "somebody else migrates it, and did not end within \(attempt.deadline); nothing was applied",
            [
                ("holder", holder),
                ("next", "wait for it, or end it if nobody knows it: SELECT pg_terminate_backend(PID)"),
            ],
            isTransient: true
        )
    }
}
