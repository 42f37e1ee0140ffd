import DeployPorts
import PostgresClient

extension SQLFolder: Reversible {
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String] {
        migrations.filter { $0.path.flatMap(WayDown.text) == nil }.map(\.name)
    }

    /// Each file's way down is one transaction, with its row in the history.
    func down(
        to head: String?,
        _ database: RehearsalDatabase,
        _ attempt: StepAttempt
    ) async throws(StepFailure) {
        let applied = try await outlook(database.database).applied
        let kept = applied.firstIndex { $0.name == head }.map { $0 + 1 } ?? 0
        guard head == nil || kept > 0 else {
            throw StepFailure(
                "\(title): \(head ?? "") is not applied; nothing was undone",
                isTransient: false
            )
        }
        let runner = try SQLRunner(database.database, attempt)
        let desk = try await runner.open()
        defer { desk.session.close() }
        for migration in applied.dropFirst(kept).reversed() {
            guard let text = migration.path.flatMap(WayDown.text) else {
                throw StepFailure("\(title): \(migration.name) has no way down", isTransient: false)
            }
            do throws(PostgresError) {
                try await undo(migration, text, runner, desk)
            } catch {
                throw runner.connection.failure("\(migration.name), on the way down,", error)
            }
        }
    }

    private func undo(
        _ migration: SchemaOutlook.Migration,
        _ text: String,
        _ runner: SQLRunner,
        _ desk: SQLRunner.Desk
    ) async throws(PostgresError) {
        // What the file before has set is not this one's.
        try await runner.reset(desk)
        do throws(SQLRunner.Stop) {
            try await runner.begin(desk)
        } catch {
            throw error.error
        }
        let limit = runner.deadline.left
        try await desk.session.run(text, commits: false, within: limit)
        _ = try await desk.session.query(
            "DELETE FROM \(desk.table) WHERE name = $1",
            [migration.name],
            within: limit
        )
        try await desk.session.run("COMMIT", commits: true, within: limit)
    }
}

/// What undoes a plain SQL file.
enum WayDown {
    /// `2_b.down.sql` beside `2_b.sql` or `2_b.up.sql`, or the file's part behind `-- migrate:down`.
    static func text(of path: String) -> String? {
        let stem = [".up.sql", ".sql"].first { path.hasSuffix($0) }.map { path.dropLast($0.count) }
        if let stem, let file = try? MigrationFile(reading: "\(stem).down.sql") { return file.text }
        return (try? MigrationFile(reading: path)).flatMap { ToolFiles.downwards($0.text) }
    }
}
