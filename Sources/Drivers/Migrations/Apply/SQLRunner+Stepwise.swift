import DeployCore
import DeployPorts
import PostgresClient

/// Files that are no transaction: each statement by itself, and a count of those that are finished.
///
/// A statement that can be in a transaction is in one with its count. Of one that cannot, it is looked up what
/// it left behind; where that does not tell, the file is not gone on with.
extension SQLRunner {
    func applyStepwise(
        _ migration: SQLMigration,
        from row: SQLHistory.Row?,
        _ desk: Desk
    ) async throws(StepFailure) {
        let finished = row?.finished ?? 0
        try await prepare(migration, row, desk)
        let rest = migration.statements.filter { $0.number > finished || $0.manner == .setting }
        let next = rest.first { $0.manner != .setting }?.number
        for statement in rest {
            let isDoubtful = statement.number == next && row?.state == .started
            switch statement.manner {
            case .setting: try await set(statement, migration, desk)
            case .inTransaction: try await runCounted(statement, migration, desk)
            case .alone(let trace, let nobodyWaits):
                if isDoubtful, try await isFinished(statement, trace, migration, desk) {
                    attempt.report("\(migration.name): statement \(statement.number) is found finished")
                } else {
                    try await runAlone(statement, trace, nobodyWaits, migration, desk)
                }
                try await count(statement, migration, desk)
            }
        }
        try await record(
            migration,
            """
            UPDATE \(desk.table) SET sha256 = $2, state = 'applied', applied_at = clock_timestamp(), run = $3,
                duration_ms = 1000 * extract(epoch FROM clock_timestamp() - applied_at) WHERE name = $1
            """,
            [migration.sha256, attempt.run.rawValue],
            desk
        )
    }

    /// Has the session as it was opened, and the file's row in the history.
    private func prepare(
        _ migration: SQLMigration,
        _ row: SQLHistory.Row?,
        _ desk: Desk
    ) async throws(StepFailure) {
        do throws(PostgresError) { try await reset(desk) } catch {
            throw failure(migration, Stop(error: error.inTransaction, statement: nil))
        }
        guard let row else {
            try await record(
                migration,
                """
                INSERT INTO \(desk.table) (name, sha256, state, finished, run)
                VALUES ($1, $2, 'stopped', 0, $3)
                """,
                [migration.sha256(ofFirst: 0), attempt.run.rawValue],
                desk
            )
            return
        }
        let text =
            "\(migration.name): going on after statement \(row.finished) of \(migration.statements.count)"
        attempt.report(text)
        attempt.note(Note(topic: "migration", text: text))
    }

    // MARK: the history's row

    /// Writes to the history; `values` are for `$2` and so on.
    private func record(
        _ migration: SQLMigration,
        _ statement: String,
        _ values: [String],
        _ desk: Desk
    ) async throws(StepFailure) {
        do throws(PostgresError) {
            try await desk.session.run("BEGIN", commits: false, within: deadline.left)
            try await write(statement, [migration.name] + values, desk)
            try await desk.session.run("COMMIT", commits: true, within: deadline.left)
        } catch {
            throw connection.failure(
                migration.name,
                error,
                [("known", "its row in \(desk.table) says how far it is")]
            )
        }
    }

    private func counting(_ statement: SQLMigration.Statement, _ migration: SQLMigration) -> [String] {
        [migration.sha256(ofFirst: statement.number), "\(statement.number)"]
    }

    private static func countingText(_ desk: Desk) -> String {
        "UPDATE \(desk.table) SET sha256 = $2, finished = $3::int, state = 'stopped' WHERE name = $1"
    }

    private func count(
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        try await record(migration, Self.countingText(desk), counting(statement, migration), desk)
        attempt.report(
            "\(migration.name): statement \(statement.number) of \(migration.statements.count) is done"
        )
    }

    // MARK: a statement in a transaction with its count

    private func runCounted(
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        var number = 0
        while true {
            number += 1
            do throws(Stop) {
                try await begin(desk)
                try await run(statement, commits: false, desk)
                try await count(within: statement, migration, desk)
                return try await commit(desk)
            } catch {
                if await triesAgain(migration, desk, after: error, number) { continue }
                throw failure(
                    migration,
                    Stop(error: error.error, statement: statement),
                    known: known(before: statement, inDoubt: error.error.outcome == .unknown, migration, desk)
                )
            }
        }
    }

    private func count(
        within statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(Stop) {
        do throws(PostgresError) {
            try await write(
                Self.countingText(desk),
                [migration.name] + counting(statement, migration),
                desk
            )
        } catch {
            throw Stop(error: error, statement: statement)
        }
    }

    private func set(
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        do throws(Stop) {
            try await run(statement, commits: false, desk)
        } catch {
            throw failure(migration, error, known: known(before: statement, inDoubt: false, migration, desk))
        }
    }

    func known(
        before statement: SQLMigration.Statement,
        inDoubt: Bool,
        _ migration: SQLMigration,
        _ desk: Desk
    ) -> String {
        let count = statement.number - 1
        let done =
            count == 0
            ? "no statement of it is" : count == 1 ? "statement 1 is" : "statements 1 to \(count) are"
        let isTraceless = if case .alone(.none, _) = statement.manner { true } else { false }
        let doubt =
            !inDoubt
            ? "nothing from statement \(statement.number) on is"
            : isTraceless
                ? "statement \(statement.number) was begun, and what it commits by itself may be in force"
                : "statement \(statement.number) was sent and not answered"
        let index =
            if case .alone(.index(let name), _) = statement.manner {
                "; if it left the index \(name.name) invalid, that one costs writes until it is built again"
            } else { "" }
        let next = inDoubt && isTraceless ? "asks what became of it" : "goes on there"
        return
            "\(done) in force (\(desk.table) says how far it is), \(doubt)\(index); the next run \(next)"
    }

    // MARK: a statement without a transaction

    private func runAlone(
        _ statement: SQLMigration.Statement,
        _ trace: SQLMigration.Trace,
        _ nobodyWaits: Bool,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        var number = 0
        while true {
            number += 1
            if case .index(let name) = trace {
                try await dropUnfinished(name, statement, migration, desk)
            }
            try await limit(nobodyWaits, statement, migration, desk)
            try await record(migration, Self.stateText(.started, desk), [], desk)
            do throws(Stop) {
                return try await run(statement, commits: true, desk)
            } catch {
                // What commits within itself may have done so before it was refused: a person is asked.
                if trace == .none { throw inDoubt(migration, error, statement, desk) }
                if await triesAgain(migration, desk, after: error, number) { continue }
                let isRefused = if case .refused = error.error { true } else { false }
                if isRefused { try await record(migration, Self.stateText(.stopped, desk), [], desk) }
                throw failure(
                    migration,
                    error,
                    known: known(before: statement, inDoubt: !isRefused, migration, desk)
                )
            }
        }
    }

    private static func stateText(_ state: SQLHistory.State, _ desk: Desk) -> String {
        "UPDATE \(desk.table) SET state = '\(state.rawValue)' WHERE name = $1"
    }

    /// Of a statement that leaves no trace; another attempt could only ask.
    private func inDoubt(
        _ migration: SQLMigration,
        _ stop: Stop,
        _ statement: SQLMigration.Statement,
        _ desk: Desk
    ) -> StepFailure {
        let text = failure(
            migration,
            stop,
            known: known(before: statement, inDoubt: true, migration, desk),
            repeats: false
        )
        return StepFailure(text.message, isTransient: false)
    }

    /// Where no query would have to wait behind it, it may wait for as long as it runs: building an index
    /// concurrently waits for every older transaction.
    private func limit(
        _ nobodyWaits: Bool,
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        let lock = nobodyWaits ? 0 : lockMilliseconds
        do throws(PostgresError) {
            try await checkLock(desk)
            try await desk.session.run("SET lock_timeout = \(lock)", commits: false, within: deadline.left)
            try await desk.session.run(
                "SET statement_timeout = \(statementMilliseconds)",
                commits: false,
                within: deadline.left
            )
        } catch {
            throw failure(
                migration,
                Stop(error: error.inTransaction, statement: statement),
                known: known(before: statement, inDoubt: false, migration, desk)
            )
        }
    }

    /// Whether a statement whose answer nobody heard is finished; fails where that cannot be told.
    private func isFinished(
        _ statement: SQLMigration.Statement,
        _ trace: SQLMigration.Trace,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) -> Bool {
        switch trace {
        case .repeatable: return false
        case .index(let name): return try await index(name, statement, migration, desk)?.isValid == true
        case .noIndex(let name): return try await index(name, statement, migration, desk) == nil
        case .none:
            let next = "find out whether it ran, and say so: UPDATE \(desk.table) SET "
            throw connection.failure(
                migration.name,
                "statement \(statement.number) was under way when the last attempt ended, and nothing tells whether "
                    + "it ran, or a part of it",
                [
                    ("at", "\(migration.path):\(statement.line)"), ("statement", statement.text),
                    ("known", known(before: statement, inDoubt: true, migration, desk)),
                    (
                        "it ran",
                        "\(next)finished = \(statement.number), "
                            + "sha256 = '\(migration.sha256(ofFirst: statement.number))', state = 'stopped' "
                            + "WHERE name = '\(migration.name)'"
                    ),
                    ("it did not", "\(next)state = 'stopped' WHERE name = '\(migration.name)'"),
                ],
                isTransient: false
            )
        }
    }
}
