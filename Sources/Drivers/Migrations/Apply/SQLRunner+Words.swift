import DeployCore
import DeployPorts
import PostgresClient

extension SQLRunner {
    /// Whether to begin again after `stop`, which did not get a lock; after a pause that grows.
    ///
    /// The transaction is rolled back in any case.
    func triesAgain(
        _ migration: SQLMigration,
        _ desk: Desk,
        after stop: Stop,
        _ number: Int
    ) async -> Bool {
        guard case .refused(let problem) = stop.error else { return false }
        // A connection that cannot even do this is found broken by what comes next.
        try? await desk.session.run("ROLLBACK", commits: false, within: deadline.left)
        guard stop.error.isLock, number < limits.lockAttempts, !deadline.isOver else { return false }
        let pause = Span.milliseconds(min(200 << Int64(min(number - 1, 10)), 10_000))
        attempt.report(
            "\(migration.name): \(connection.line(problem.message)); attempt \(number + 1) of "
                + "\(limits.lockAttempts) in \(pause)"
        )
        await Pause.wait(milliseconds: min(pause.milliseconds, deadline.milliseconds))
        return !Task.isCancelled && !deadline.isOver
    }

    /// What is known after a file that is one transaction did not get through.
    func failure(_ migration: SQLMigration, _ stop: Stop) -> StepFailure {
        let known =
            switch stop.error.outcome {
            case .unknown: "its COMMIT was sent and not answered; run it again: it asks the database first"
            case .notSent, .rolledBack: "nothing of the file is in force"
            }
        return failure(migration, stop, known: known)
    }

    /// `repeats` says whether what did not get its lock was tried again.
    func failure(
        _ migration: SQLMigration,
        _ stop: Stop,
        known: String,
        repeats: Bool = true
    ) -> StepFailure {
        var facts: [(name: String, text: String)] = []
        if let statement = stop.statement {
            let place = "\(migration.path):\(statement.line)"
            facts.append(("at", "\(place), statement \(statement.number) of \(migration.statements.count)"))
            facts.append(("statement", statement.text))
        } else {
            facts.append(("file", migration.path))
        }
        if stop.error.isLock {
            let tries =
                repeats
                ? "tried \(limits.lockAttempts) times, for \(limits.lock) each time"
                : "tried once: what commits by itself could run twice"
            facts.append(("lock", tries))
        }
        if let advice = Self.advice(on: stop.error) { facts.append(("advice", advice)) }
        return connection.failure(migration.name, stop.error, facts + [("known", known)])
    }

    private static func advice(on error: PostgresError) -> String? {
        guard case .refused(let problem) = error else { return nil }
        return switch problem.state {
        case "25001", "2D000":
            "put `-- \(SQLMigration.noTransaction)` before the first statement: the file then runs statement by "
                + "statement"
        case "42501": "the user of `database` needs the right to do this"
        default: nil
        }
    }
}

extension PostgresError {
    /// `lock_not_available` and `deadlock_detected`: the same may go through later.
    var isLock: Bool {
        guard case .refused(let problem) = self else { return false }
        return ["55P03", "40P01"].contains(problem.state)
    }
}
