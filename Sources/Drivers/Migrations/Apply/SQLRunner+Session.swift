import DeployCore
import DeployPorts
import PostgresClient

extension SQLRunner {
    /// Opens a session, takes the lock and finds or makes the history's table.
    ///
    /// Waits for who has the lock until the deadline: also our own back-end of an earlier connection, which the
    /// server may not have missed us at yet.
    func open() async throws(StepFailure) -> Desk {
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
            try await endWithUs(session)
            holder = try await lock(session)
        } catch {
            session.close()
            throw connection.failure("the database", error)
        }
        if let holder {
            session.close()
            throw lockFailure(holder)
        }
        do throws(PostgresError) {
            let history = try await SQLHistory.read(session, within: deadline.left)
            if let table = history.table { return Desk(session: session, table: table) }
            return Desk(session: session, table: try await SQLHistory.make(session, within: deadline.left))
        } catch {
            session.close()
            throw connection.failure("the database", error)
        }
    }

    /// Has the server end a statement of ours soon after we are gone, from PostgreSQL 14 on.
    private func endWithUs(_ session: PostgresSession) async throws(PostgresError) {
        let setting = """
            SELECT set_config('client_connection_check_interval', '1s', false)
            WHERE current_setting('server_version_num')::int >= 140000
            """
        do throws(PostgresError) {
            try await session.run(setting, commits: true, within: deadline.left)
        } catch {
            // A server on a system that cannot tell whether a client is there: the lock waits for it instead.
            guard case .refused = error else { throw error }
        }
    }

    // MARK: one at a time

    /// Takes the lock; returns who has it when the time is over.
    private func lock(_ session: PostgresSession) async throws(PostgresError) -> String? {
        let (first, second) = Self.lockKey
        var told = ""
        while true {
            let answer = try await session.query(
                "SELECT pg_try_advisory_lock(\(first), \(second))",
                within: deadline.left
            )
            guard answer.first?.first?.value != "t" else { return nil }
            let holder = try await Self.holder(session, within: deadline.left)
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
    private static func holder(
        _ session: PostgresSession,
        within limit: Duration
    ) async throws(PostgresError) -> String {
        let rows = try await session.query(
            """
            SELECT format('pid %s, user %s, application "%s", connected since %s, %s for %s s, last statement: %s',
                a.pid, a.usename, a.application_name, a.backend_start::timestamp(0), a.state,
                extract(epoch FROM clock_timestamp() - a.state_change)::int, left(a.query, 120))
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE \(heldLock) AND l.granted
            """,
            within: limit
        )
        return rows.first?.first?.value ?? ""
    }

    private static var heldLock: String {
        """
        l.locktype = 'advisory' AND l.classid = \(lockKey.first) AND l.objid = \(lockKey.second)
            AND l.objsubid = 2 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    }

    private func lockFailure(_ holder: String) -> StepFailure {
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

    // MARK: a transaction

    /// Begins a transaction with the limits of the playbook.
    func begin(_ desk: Desk) async throws(Stop) {
        do throws(PostgresError) {
            try await desk.session.run(
                """
                BEGIN;
                SET LOCAL lock_timeout = \(lockMilliseconds);
                SET LOCAL statement_timeout = \(statementMilliseconds)
                """,
                commits: false,
                within: deadline.left
            )
            try await checkLock(desk)
        } catch {
            throw Stop(error: error.inTransaction, statement: nil)
        }
    }

    /// Fails when another back-end than the one that took the lock is at work for us.
    func checkLock(_ desk: Desk) async throws(PostgresError) {
        let answer = try await desk.session.query(
            "SELECT 1 FROM pg_locks l WHERE \(Self.heldLock) AND l.granted AND l.pid = pg_backend_pid()",
            within: deadline.left
        )
        guard answer.isEmpty else { return }
        throw .badRequest(
            "the session has lost the migrations' lock: a pooler in transaction mode is between; give "
                + "`database` the server's own address"
        )
    }

    /// What a file has set shall not reach the next one.
    func reset(_ desk: Desk) async throws(PostgresError) {
        try await desk.session.run("RESET ROLE", commits: false, within: deadline.left)
        try await desk.session.run("RESET ALL", commits: false, within: deadline.left)
        try await endWithUs(desk.session)
    }

    /// Writes to the history within an open transaction, as the user of the connection: a role that a file has
    /// taken need not be allowed to.
    func write(_ statement: String, _ values: [String], _ desk: Desk) async throws(PostgresError) {
        do throws(PostgresError) {
            try await desk.session.run("SET LOCAL ROLE NONE", commits: false, within: deadline.left)
            _ = try await desk.session.query(statement, values, within: deadline.left)
        } catch {
            throw error.inTransaction
        }
    }

    func commit(_ desk: Desk) async throws(Stop) {
        do throws(PostgresError) {
            try await desk.session.run("COMMIT", commits: true, within: deadline.left)
        } catch {
            throw Stop(error: error, statement: nil)
        }
    }

    func run(
        _ statement: SQLMigration.Statement,
        commits: Bool,
        _ desk: Desk
    ) async throws(Stop) {
        do throws(PostgresError) {
            try await desk.session.run(statement.text, commits: commits, within: deadline.left)
        } catch {
            throw Stop(error: error, statement: statement)
        }
    }

    var lockMilliseconds: Int64 { max(1, min(limits.lock.milliseconds, deadline.milliseconds)) }

    /// A little before the attempt's end, so that it is the server that tells.
    var statementMilliseconds: Int64 {
        let left = deadline.milliseconds * 19 / 20
        return max(1, min(limits.statement?.milliseconds ?? left, left))
    }
}
