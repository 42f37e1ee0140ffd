package import DeployCore
package import DeployPorts
import GRDB
import JournalFormat

extension SQLiteRunStore: RecordStore {
    package func insert(
        _ value: String,
        as kind: DeployPorts.Record.Kind,
        key: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> DeployPorts.Record? {
        try RecordLimits.check(kind, key, value)
        return try await write { database in
            let revision = try Self.nextRevision(in: database)
            try database.cachedStatement(
                sql: """
                    INSERT INTO records (kind, key, value, due, revision) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [kind.rawValue, key, value, due?.milliseconds, revision])
            guard database.changesCount == 1 else { return nil }
            return DeployPorts.Record(kind: kind, key: key, value: value, due: due, revision: revision)
        }
    }

    package func record(
        _ kind: DeployPorts.Record.Kind,
        _ key: String
    ) async throws(RunStoreError) -> DeployPorts.Record? {
        try await recordsWhere("kind = ? AND key = ?", [kind.rawValue, key]).first
    }

    package func records(
        _ kind: DeployPorts.Record.Kind,
        after key: String,
        limit: Int
    ) async throws(RunStoreError) -> [DeployPorts.Record] {
        try await recordsWhere(
            "kind = ? AND key > ? ORDER BY key LIMIT ?",
            [kind.rawValue, key, max(0, limit)]
        )
    }

    package func replace(
        _ record: DeployPorts.Record,
        with value: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> DeployPorts.Record? {
        try RecordLimits.check(record.kind, record.key, value)
        return try await write { database in try Self.change(record, to: value, due: due, in: database) }
    }

    package func remove(_ record: DeployPorts.Record) async throws(RunStoreError) -> Bool {
        try await write { database in
            try database.cachedStatement(
                sql: "DELETE FROM records WHERE kind = ? AND key = ? AND revision = ?"
            ).execute(arguments: [record.kind.rawValue, record.key, record.revision])
            return database.changesCount == 1
        }
    }

    package func claim(
        _ kind: DeployPorts.Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) async throws(RunStoreError) -> [DeployPorts.Record] {
        try await write { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(Self.recordColumns) FROM records WHERE kind = ? AND due <= ?
                    ORDER BY due, key LIMIT ?
                    """
            )
            let arguments: StatementArguments = [kind.rawValue, now.milliseconds, max(0, limit)]
            return try Row.fetchAll(statement, arguments: arguments).compactMap { row in
                let record = try Self.makeRecord(row)
                return try Self.change(record, to: record.value, due: until, in: database)
            }
        }
    }

    static let recordColumns = "kind, key, CAST(value AS BLOB) AS value, due, revision"

    static func makeRecord(_ row: Row) throws -> DeployPorts.Record {
        DeployPorts.Record(
            kind: DeployPorts.Record.Kind(rawValue: try row.text("kind")),
            key: try row.text("key"),
            value: String(decoding: try row.bytes("value"), as: UTF8.self),
            due: row.optionalNumber("due").map { Timestamp(milliseconds: Int64($0)) },
            revision: try row.number("revision")
        )
    }

    private func recordsWhere(
        _ condition: String,
        _ arguments: StatementArguments
    ) async throws(RunStoreError) -> [DeployPorts.Record] {
        try await read { database in
            // A journal of version 1 has none.
            guard try Schema.version(of: database) >= Schema.version else { return [] }
            let statement = try database.cachedStatement(
                sql: "SELECT \(Self.recordColumns) FROM records WHERE \(condition)"
            )
            return try Row.fetchAll(statement, arguments: arguments).map(Self.makeRecord)
        }
    }

    /// `nil`, and nothing is written, where it is not there as it is known.
    private static func change(
        _ record: DeployPorts.Record,
        to value: String,
        due: Timestamp?,
        in database: Database
    ) throws -> DeployPorts.Record? {
        let revision = try nextRevision(in: database)
        try database.cachedStatement(
            sql: """
                UPDATE records SET value = ?, due = ?, revision = ? WHERE kind = ? AND key = ? AND revision = ?
                """
        ).execute(arguments: [
            value, due?.milliseconds, revision, record.kind.rawValue, record.key, record.revision,
        ])
        guard database.changesCount == 1 else { return nil }
        return DeployPorts.Record(
            kind: record.kind,
            key: record.key,
            value: value,
            due: due,
            revision: revision
        )
    }

    private static func nextRevision(in database: Database) throws -> Int {
        let statement = try database.cachedStatement(
            sql: "UPDATE revisions SET last = last + 1 RETURNING last"
        )
        guard let row = try Row.fetchOne(statement) else {
            throw RunStoreError.unreadable("the journal is damaged: it does not know its last revision")
        }
        return try row.number("last")
    }
}
