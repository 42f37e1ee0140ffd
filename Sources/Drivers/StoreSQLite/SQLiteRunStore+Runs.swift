package import DeployCore
package import DeployPorts
import GRDB
import SafeFile

extension SQLiteRunStore {
    package func runs(
        of service: String?,
        before run: RunID?,
        limit: Int
    ) async throws(RunStoreError) -> [RunRecord] {
        try await read { database in
            var filters: [String] = []
            var arguments: StatementArguments = ["limit": max(0, limit)]
            if let service {
                filters.append("service = :service")
                arguments += ["service": service]
            }
            if let run {
                filters.append("position < (SELECT position FROM runs WHERE id = :run)")
                arguments += ["run": run.rawValue]
            }
            let filter = filters.isEmpty ? "" : "WHERE \(filters.joined(separator: " AND "))"
            // By position, not by time: a wall clock may have been set back.
            return try Row.fetchAll(
                database,
                sql: "\(Self.records) \(filter) ORDER BY position DESC LIMIT :limit",
                arguments: arguments
            ).map(Self.record)
        }
    }

    package func run(_ identity: String) async throws(RunStoreError) -> RunRecord? {
        try await read { database in
            if let row = try Row.fetchOne(
                database,
                sql: "\(Self.records) WHERE id = ?",
                arguments: [identity]
            ) {
                return try Self.record(of: row)
            }
            guard !identity.isEmpty else { return nil }
            for prefix in [identity, identity.uppercased()] {
                let rows = try Row.fetchAll(
                    database,
                    sql: "\(Self.records) WHERE id >= ? AND id < ? LIMIT 2",
                    arguments: [prefix, prefix + "\u{10FFFF}"]
                )
                if let row = rows.first { return rows.count == 1 ? try Self.record(of: row) : nil }
            }
            return nil
        }
    }

    package func playbook(of run: RunID) async throws(RunStoreError) -> String {
        try await read { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT d.digest AS digest, CAST(d.text AS BLOB) AS text
                        FROM runs r JOIN documents d ON d.digest = r.playbook WHERE r.id = ?
                        """,
                    arguments: [run.rawValue]
                )
            else { throw Self.unknown(run.rawValue) }
            let text = try row.bytes("text")
            guard Digest.sha256(text) == (try row.text("digest")) else {
                throw RunStoreError.unreadable(
                    "the playbook of run \(run) was changed in the journal: restore it from a backup"
                )
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private static let records = """
        SELECT id, service, version, started_at FROM runs
        """

    private static func record(of row: Row) throws -> RunRecord {
        let version = try row.text("version")
        guard let version = Version(rawValue: version) else {
            throw RunStoreError.unreadable("the journal names a version that cannot be one: \(version)")
        }
        return RunRecord(
            id: RunID(rawValue: try row.text("id")),
            service: try row.text("service"),
            version: version,
            startedAt: Timestamp(milliseconds: Int64(try row.number("started_at")))
        )
    }
}
