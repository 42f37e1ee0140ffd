package import DeployCore
package import DeployPorts
import JournalFormat

/// A write that is tried again after a lost answer has the token of the first one: it finds its own work and
/// tells it, and does nothing more.
extension PostgresRunStore: RecordStore {
    package func insert(
        _ value: String,
        as kind: Record.Kind,
        key: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> Record? {
        try RecordLimits.check(kind, key, value)
        return try await changed(
            """
            INSERT INTO bgdeploy.records AS r (kind, key, value, due, revision, token)
            VALUES ($1, $2, $3, nullif($4, '')::bigint, nextval('bgdeploy.revisions'), $5)
            ON CONFLICT (kind, key) DO UPDATE SET token = excluded.token WHERE r.token = excluded.token
            """,
            [kind.rawValue, key, value, Self.text(due), Self.newToken()]
        ).first
    }

    package func record(_ kind: Record.Kind, _ key: String) async throws(RunStoreError) -> Record? {
        try await reader.repeated(
            "SELECT \(Self.recordColumns) FROM bgdeploy.records WHERE kind = $1 AND key = $2",
            [kind.rawValue, key]
        ).first.map(Self.makeRecord)
    }

    package func records(
        _ kind: Record.Kind,
        after key: String,
        limit: Int
    ) async throws(RunStoreError) -> [Record] {
        try await reader.repeated(
            """
            SELECT \(Self.recordColumns) FROM bgdeploy.records WHERE kind = $1 AND key > $2
            ORDER BY key LIMIT $3::bigint
            """,
            [kind.rawValue, key, "\(max(0, limit))"]
        ).map(Self.makeRecord)
    }

    package func replace(
        _ record: Record,
        with value: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> Record? {
        try RecordLimits.check(record.kind, record.key, value)
        return try await changed(
            """
            UPDATE bgdeploy.records r SET value = $3, due = nullif($4, '')::bigint, token = $5,
                revision = CASE r.token WHEN $5 THEN r.revision ELSE nextval('bgdeploy.revisions') END
            WHERE kind = $1 AND key = $2 AND (revision = $6::bigint OR token = $5)
            """,
            [
                record.kind.rawValue, record.key, value, Self.text(due), Self.newToken(),
                "\(record.revision)",
            ]
        ).first
    }

    /// After a lost answer a document that is gone may have been removed by somebody else: then it is not
    /// known.
    package func remove(_ record: Record) async throws(RunStoreError) -> Bool {
        do throws(PostgresConnection.Failure) {
            let isRemoved = try await writer.resolved(
                """
                DELETE FROM bgdeploy.records WHERE kind = $1 AND key = $2 AND revision = $3::bigint
                RETURNING \(PostgresSchema.durable) AS durable
                """,
                [record.kind.rawValue, record.key, "\(record.revision)"],
                done: { $0.isEmpty ? nil : true },
                found: { () throws(RunStoreError) in
                    guard try await self.isThere(record) else {
                        throw .unavailable("it is gone, and it is not known who removed it")
                    }
                    return nil
                }
            )
            return isRemoved ?? false
        } catch {
            throw problem.translated(error)
        }
    }

    package func claim(
        _ kind: Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) async throws(RunStoreError) -> [Record] {
        let token = Self.newToken()
        do throws(PostgresConnection.Failure) {
            let claimed = try await writer.resolved(
                """
                WITH chosen AS (
                    SELECT kind, key, due FROM bgdeploy.records WHERE kind = $1 AND due <= $2::bigint
                    ORDER BY due, key LIMIT $3::bigint FOR UPDATE SKIP LOCKED
                ), claimed AS (
                    UPDATE bgdeploy.records r
                    SET due = $4::bigint, revision = nextval('bgdeploy.revisions'), token = $5
                    FROM chosen c WHERE r.kind = c.kind AND r.key = c.key
                    RETURNING r.kind, r.key, r.value, r.due, r.revision, c.due AS was
                )
                SELECT \(Self.recordColumns), \(PostgresSchema.durable) AS durable FROM claimed
                ORDER BY was, key
                """,
                [
                    kind.rawValue, "\(now.milliseconds)", "\(max(0, limit))", "\(until.milliseconds)",
                    token,
                ],
                done: { rows throws(RunStoreError) in
                    rows.isEmpty ? nil : try rows.map(Self.makeRecord)
                },
                found: { () throws(RunStoreError) in try await self.claimed(kind, token) }
            )
            return claimed ?? []
        } catch {
            throw problem.translated(error)
        }
    }

    // MARK: rows

    static let recordColumns = "kind, key, value, due, revision"

    private static func text(_ due: Timestamp?) -> String { due.map { "\($0.milliseconds)" } ?? "" }

    static func makeRecord(_ row: PostgresRow) throws(RunStoreError) -> Record {
        Record(
            kind: Record.Kind(rawValue: try row.text("kind")),
            key: try row.text("key"),
            value: try row.text("value"),
            due: row.optionalText("due").flatMap { Int64($0) }.map { Timestamp(milliseconds: $0) },
            revision: try row.number("revision")
        )
    }

    /// Tells who listens, too.
    private func changed(_ change: String, _ values: [String]) async throws(RunStoreError) -> [Record] {
        try await writer.repeated(
            """
            WITH changed AS (\(change) RETURNING r.kind, r.key, r.value, r.due, r.revision)
            SELECT \(Self.recordColumns), pg_notify('\(PostgresSchema.channel)', 'record:' || kind),
                \(PostgresSchema.durable) AS durable
            FROM changed
            """,
            values
        ).map(Self.makeRecord)
    }

    private func isThere(_ record: Record) async throws(RunStoreError) -> Bool {
        try await !writer.repeated(
            """
            SELECT 1 FROM bgdeploy.records WHERE kind = $1 AND key = $2 AND revision = $3::bigint
            """,
            [record.kind.rawValue, record.key, "\(record.revision)"]
        ).isEmpty
    }

    private func claimed(_ kind: Record.Kind, _ token: String) async throws(RunStoreError) -> [Record]? {
        let rows = try await writer.repeated(
            """
            SELECT \(Self.recordColumns) FROM bgdeploy.records WHERE kind = $1 AND token = $2 ORDER BY key
            """,
            [kind.rawValue, token]
        )
        return rows.isEmpty ? nil : try rows.map(Self.makeRecord)
    }
}
