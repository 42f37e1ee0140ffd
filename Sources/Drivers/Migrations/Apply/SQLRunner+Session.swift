import DeployCore
import DeployPorts
import PostgresClient

extension SQLRunner {
    /// Opens a session that has the lock, and finds or makes the history's table.
    func open() async throws(StepFailure) -> Desk {
        let session = try await lock.take()
        do throws(PostgresError) {
            let history = try await SQLHistory.read(session, within: deadline.left)
            if let table = history.table { return Desk(session: session, table: table) }
            return Desk(session: session, table: try await SQLHistory.make(session, within: deadline.left))
        } catch {
            await MigrationLock.release(session)
            throw connection.failure("the database", error)
        }
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
            "SELECT 1 FROM pg_locks l WHERE \(MigrationLock.held) AND l.granted AND l.pid = pg_backend_pid()",
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
        try await MigrationLock.endWithUs(desk.session, within: deadline.left)
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
