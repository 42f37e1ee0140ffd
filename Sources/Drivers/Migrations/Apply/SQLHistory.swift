import DeployPorts
import PostgresClient

/// What the target database says of the migrations that were applied to it: its table `bgdeploy_migrations`.
struct SQLHistory: Sendable {
    static let tableName = "bgdeploy_migrations"

    /// With its schema, quoted; `nil` when there is none yet.
    let table: String?
    private(set) var rows: [String: Row]

    struct Row: Hashable, Sendable {
        let state: State
        /// Of the whole file, or while it is under way of its text through its last finished statement.
        let sha256: String
        /// How many statements of it are finished, while it is under way.
        let finished: Int
    }

    enum State: String, Sendable {
        /// Statement by statement: the one after the finished ones may be under way, and may have ended.
        case started
        /// Statement by statement: the one after the finished ones was not begun, or the server refused it.
        case stopped
        case applied
    }

    /// Reads it; changes nothing.
    ///
    /// Fails where a history is there and the connection's search path does not lead to it: to take it for none
    /// would be to apply everything again.
    static func read(
        _ session: PostgresSession,
        within limit: Duration
    ) async throws(PostgresError) -> SQLHistory {
        let place = try await session.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
            """,
            [tableName],
            within: limit
        )
        guard let table = place.first?.first?.value else {
            if let hidden = try await hidden(session, within: limit) { throw hidden }
            return SQLHistory(table: nil, rows: [:])
        }
        let answer = try await session.query(
            "SELECT name, state, sha256, finished FROM \(table)",
            within: limit
        )
        var rows: [String: Row] = [:]
        for cells in answer {
            let values = cells.map { $0.value ?? "" }
            guard values.count == 4, let state = State(rawValue: values[1]), let finished = Int(values[3])
            else {
                throw .badRequest("\(table) has a row that this version does not know: \(values.first ?? "")")
            }
            rows[values[0]] = Row(state: state, sha256: values[2], finished: finished)
        }
        return SQLHistory(table: table, rows: rows)
    }

    private static func hidden(
        _ session: PostgresSession,
        within limit: Duration
    ) async throws(PostgresError) -> PostgresError? {
        let answer = try await session.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname), current_setting('search_path'), current_user
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1 LIMIT 1
            """,
            [tableName],
            within: limit
        )
        guard let row = answer.first, row.count == 3, let found = row[0].value else { return nil }
        return .badRequest(
            "the history is in \(found), where the user \(row[2].value ?? "") with the search_path "
                + "\(row[1].value ?? "") does not find it; nothing was applied. Give the user USAGE on its schema, "
                + "and name that in the search_path, in `database` too: ?options=-csearch_path%3DSCHEMA. If it is "
                + "of other migrations: CREATE TABLE \(tableName) (LIKE \(found) INCLUDING ALL)"
        )
    }

    /// Makes the table where there is none; returns it with its schema, quoted.
    static func make(_ session: PostgresSession, within limit: Duration) async throws(PostgresError) -> String
    {
        try await session.run(definition, commits: true, within: limit)
        guard let table = try await read(session, within: limit).table else {
            throw .badRequest(
                "\(tableName) was made and cannot be seen: the search_path of the user is empty"
            )
        }
        return table
    }

    private static let definition = """
        CREATE TABLE IF NOT EXISTS \(tableName) (
            name text PRIMARY KEY,
            sha256 text NOT NULL,
            state text NOT NULL CHECK (state IN ('started', 'stopped', 'applied')),
            finished int NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            applied_by text NOT NULL DEFAULT session_user,
            run text NOT NULL,
            duration_ms bigint NOT NULL DEFAULT 0
        )
        """

    // MARK: against the files

    func isApplied(_ migration: SQLMigration) -> Bool { rows[migration.name]?.state == .applied }

    func pending(of migrations: SQLMigrations) -> [SQLMigration] { migrations.all.filter { !isApplied($0) } }

    func outlook(of migrations: SQLMigrations) -> SchemaOutlook {
        let applied = migrations.all.filter(isApplied)
        return SchemaOutlook(
            head: applied.last?.name,
            applied: applied.map { .init(name: $0.name, path: $0.path, sql: $0.text) },
            pending: pending(of: migrations).map { .init(name: $0.name, path: $0.path, sql: $0.text) }
        )
    }

    /// What in the files contradicts the history, and what to do; empty when nothing does.
    func objections(to migrations: SQLMigrations) -> [(name: String, text: String)] {
        let names = Set(migrations.all.map(\.name))
        let gone = rows.keys.filter { !names.contains($0) }.sorted().map { name in
            ("gone", "\(name) is in \(table ?? Self.tableName) and not in the folder: restore the file")
        }
        let head = migrations.all.lastIndex(where: isApplied) ?? -1
        var changed: [(String, String)] = []
        var late: [(String, String)] = []
        for (index, migration) in migrations.all.enumerated() {
            guard let row = rows[migration.name] else {
                guard index < head else { continue }
                let text =
                    "\(migration.name) is new and comes before \(migrations.all[head].name), which is applied: "
                    + "rename it so that it comes after"
                late.append(("late", text))
                continue
            }
            if let text = objection(to: migration, row) { changed.append(("changed", text)) }
        }
        return gone + changed + late
    }

    private func objection(to migration: SQLMigration, _ row: Row) -> String? {
        if row.state == .applied {
            guard row.sha256 != migration.sha256 else { return nil }
            return
                "\(migration.name) has another text than the one that was applied: restore it, and put the change "
                + "into a new file"
        }
        guard row.sha256 != migration.sha256(ofFirst: row.finished) else { return nil }
        return
            "\(migration.name) was begun, and its first \(row.finished) statements ran with another text: restore "
            + "them; the rest may be changed"
    }
}
