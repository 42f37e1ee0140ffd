import DeployCore
import DeployPorts
import PostgresClient

/// Applies plain SQL files, one after another, to one database.
///
/// One at a time, by a session's advisory lock. What is applied is what the history table says, in which a file
/// that is one transaction is noted by that transaction itself.
struct SQLRunner: Sendable {
    let connection: MigrationConnection
    let limits: MigrationLimits
    let attempt: StepAttempt
    let deadline: Deadline

    init(_ database: MigrationDatabase, _ attempt: StepAttempt) throws(StepFailure) {
        connection = try MigrationConnection(database)
        limits = database.limits
        self.attempt = attempt
        deadline = Deadline(in: attempt.deadline)
    }

    var lock: MigrationLock {
        MigrationLock(connection: connection, attempt: attempt, deadline: deadline)
    }

    /// A place in a migration, and what went wrong there.
    struct Stop: Error {
        let error: PostgresError
        let statement: SQLMigration.Statement?
    }

    /// An open session that has the lock, and where its history is.
    struct Desk: Sendable {
        let session: PostgresSession
        let table: String
    }

    /// Applies what is pending, in order; ends at the first that fails.
    func apply(_ migrations: SQLMigrations) async throws(StepFailure) {
        var desk = try await open()
        do throws(StepFailure) {
            try await apply(migrations, &desk)
        } catch {
            await MigrationLock.release(desk.session)
            throw error
        }
        await MigrationLock.release(desk.session)
    }

    /// Leaves in `desk` the one that is open at the end.
    private func apply(_ migrations: SQLMigrations, _ desk: inout Desk) async throws(StepFailure) {
        let history = try await checkedHistory(desk, migrations)
        for migration in history.pending(of: migrations) {
            let start = ContinuousClock.now
            if let row = history.rows[migration.name] {
                try await applyStepwise(migration, from: row, desk)
            } else if migration.isTransaction {
                desk = try await applyWhole(migration, desk)
            } else {
                try await applyStepwise(migration, from: nil, desk)
            }
            noteApplied(migration, ContinuousClock.now - start)
        }
    }

    /// Looks again, now that nobody else can change it.
    private func checkedHistory(
        _ desk: Desk,
        _ migrations: SQLMigrations
    ) async throws(StepFailure) -> SQLHistory {
        let history: SQLHistory
        do throws(PostgresError) {
            history = try await SQLHistory.read(desk.session, within: deadline.left)
        } catch {
            throw connection.failure(SQLHistory.tableName, error)
        }
        let objections = history.objections(to: migrations)
        guard objections.isEmpty else { throw Self.tampered(objections, connection) }
        return history
    }

    static func tampered(
        _ objections: [(name: String, text: String)],
        _ connection: MigrationConnection
    ) -> StepFailure {
        connection.failure(
            SQLHistory.tableName,
            "the files and the database's history contradict each other; nothing was applied",
            objections,
            isTransient: false
        )
    }

    private func noteApplied(_ migration: SQLMigration, _ took: Duration) {
        let milliseconds =
            took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000
        let text = "applied \(connection.line(migration.name)) in \(Span.milliseconds(milliseconds))"
        attempt.note(
            Note(
                topic: "migration",
                text: text,
                facts: [
                    "applied": migration.name, "sha256": migration.sha256, "duration_ms": "\(milliseconds)",
                ]
            )
        )
    }

    // MARK: a file that is one transaction

    /// The transaction again, with growing pauses, while it does not get its locks.
    ///
    /// Returns the desk to go on with: another one when the answer to COMMIT was lost and the database says
    /// that the migration is applied.
    private func applyWhole(_ migration: SQLMigration, _ desk: Desk) async throws(StepFailure) -> Desk {
        var number = 0
        while true {
            number += 1
            do throws(Stop) {
                try await transact(migration, desk)
                return desk
            } catch {
                if await triesAgain(migration, desk, after: error, number) { continue }
                if case .cancelled = error.error { throw failure(migration, error) }
                guard error.error.outcome == .unknown else { throw failure(migration, error) }
                desk.session.close()
                return try await settled(migration, error)
            }
        }
    }

    private func transact(_ migration: SQLMigration, _ desk: Desk) async throws(Stop) {
        let start = ContinuousClock.now
        do throws(PostgresError) { try await reset(desk) } catch {
            throw Stop(error: error.inTransaction, statement: nil)
        }
        try await begin(desk)
        for statement in migration.statements { try await run(statement, commits: false, desk) }
        let took = (ContinuousClock.now - start).components
        let milliseconds = took.seconds * 1000 + took.attoseconds / 1_000_000_000_000_000
        let row = [
            migration.name, migration.sha256, "\(migration.statements.count)", attempt.run.rawValue,
            "\(milliseconds)",
        ]
        do throws(PostgresError) {
            try await write(
                """
                INSERT INTO \(desk.table) (name, sha256, state, finished, run, duration_ms)
                VALUES ($1, $2, 'applied', $3::int, $4, $5::bigint)
                """,
                row,
                desk
            )
        } catch {
            throw Stop(error: error, statement: nil)
        }
        try await commit(desk)
    }

    /// After a lost answer to COMMIT: the database's own word, asked over a new connection.
    private func settled(_ migration: SQLMigration, _ stop: Stop) async throws(StepFailure) -> Desk {
        attempt.report("\(migration.name): the answer to COMMIT was lost; asking the database")
        while true {
            let desk: Desk
            let history: SQLHistory
            do throws(StepFailure) {
                desk = try await open()
                history = try await readHistory(desk)
            } catch {
                guard error.isTransient, !deadline.isOver, !Task.isCancelled else {
                    throw connection.failure(
                        migration.name,
                        stop.error,
                        [
                            (
                                "known",
                                "its COMMIT was sent and not answered, and the database could not be asked"
                            ),
                            ("asking", error.message),
                            ("next", "run it again: it asks first, and applies nothing twice"),
                        ]
                    )
                }
                await Pause.wait(milliseconds: 250)
                continue
            }
            guard history.rows[migration.name]?.sha256 == migration.sha256 else {
                await MigrationLock.release(desk.session)
                throw failure(migration, Stop(error: stop.error.inTransaction, statement: nil))
            }
            return desk
        }
    }

    private func readHistory(_ desk: Desk) async throws(StepFailure) -> SQLHistory {
        do throws(PostgresError) {
            return try await SQLHistory.read(desk.session, within: deadline.left)
        } catch {
            desk.session.close()
            throw connection.failure(SQLHistory.tableName, error)
        }
    }
}

extension PostgresError {
    /// What is known of what was sent; a refusal is known to have done nothing.
    var outcome: Outcome {
        switch self {
        case .cutOff(_, let outcome), .timedOut(let outcome), .cancelled(let outcome): outcome
        case .badRequest, .unreachable: .notSent
        case .refused, .tooLarge: .rolledBack
        }
    }

    /// The same, of a statement in a transaction that was not committed.
    var inTransaction: PostgresError {
        switch self {
        case .cutOff(let reason, .unknown): .cutOff(reason: reason, outcome: .rolledBack)
        case .timedOut(.unknown): .timedOut(.rolledBack)
        case .cancelled(.unknown): .cancelled(.rolledBack)
        default: self
        }
    }
}
