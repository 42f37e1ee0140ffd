import DeployCore
import DeployPorts
import PostgresClient

/// What `CREATE INDEX CONCURRENTLY` leaves behind.
extension SQLRunner {
    struct Index {
        /// With its schema, quoted.
        let name: String
        let isValid: Bool
        /// The back-end that builds it now.
        let builder: String?
    }

    /// An index is in its table's schema; without one named, where the search path finds it.
    func index(
        _ name: SQLMigration.IndexName,
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) -> Index? {
        do throws(PostgresError) {
            let rows = try await desk.session.query(
                """
                SELECT format('%I.%I', n.nspname, c.relname), x.indisvalid,
                    (SELECT p.pid FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid LIMIT 1)
                FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = $1 AND CASE $2 WHEN '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END
                """,
                [name.name, name.schema ?? ""],
                within: deadline.left
            )
            guard let row = rows.first, row.count == 3, let found = row[0].value else { return nil }
            return Index(name: found, isValid: row[1].value == "t", builder: row[2].value)
        } catch {
            throw failure(
                migration,
                Stop(error: error.inTransaction, statement: statement),
                known: known(before: statement, inDoubt: false, migration, desk)
            )
        }
    }

    /// An invalid index serves no query and costs every write: what is left of an attempt that did not end.
    func dropUnfinished(
        _ name: SQLMigration.IndexName,
        _ statement: SQLMigration.Statement,
        _ migration: SQLMigration,
        _ desk: Desk
    ) async throws(StepFailure) {
        guard let index = try await index(name, statement, migration, desk), !index.isValid else { return }
        if let builder = index.builder {
            throw connection.failure(
                migration.name,
                "the index \(index.name) is being built by another session, pid \(builder)",
                [("next", "wait until it has ended, and run this again")],
                isTransient: true
            )
        }
        let text =
            "\(migration.name): the index \(index.name) is invalid, left by an attempt that did not end; "
            + "dropping it to build it again"
        attempt.report(connection.line(text))
        attempt.note(
            Note(topic: "migration", text: connection.line(text), facts: ["invalid_index": index.name])
        )
        do throws(PostgresError) {
            try await desk.session.run("SET lock_timeout = 0", commits: false, within: deadline.left)
            try await desk.session.run(
                "DROP INDEX CONCURRENTLY IF EXISTS \(index.name)",
                commits: true,
                within: deadline.left
            )
        } catch {
            throw failure(
                migration,
                Stop(error: error, statement: statement),
                known: known(before: statement, inDoubt: false, migration, desk)
            )
        }
    }
}
