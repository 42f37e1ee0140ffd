package import DeployCore
package import DeployPorts
import JournalFormat
import SafeFile

extension PostgresRunStore {
    package func runs(
        of service: String?,
        before run: RunID?,
        limit: Int
    ) async throws(RunStoreError) -> [RunRecord] {
        // By position, not by time: a wall clock may have been set back.
        let rows = try await reader.repeated(
            """
            \(Self.runColumns) WHERE (NOT $1::boolean OR service = $2)
                AND (NOT $3::boolean OR position < (SELECT position FROM bgdeploy.runs WHERE id = $4))
            ORDER BY position DESC LIMIT $5::bigint
            """,
            [
                "\(service != nil)", service ?? "", "\(run != nil)", run?.rawValue ?? "", "\(max(0, limit))",
            ]
        )
        return try rows.map(Self.runRecord)
    }

    package func run(_ identity: String) async throws(RunStoreError) -> RunRecord? {
        guard !identity.isEmpty else { return nil }
        let whole = try await reader.repeated("\(Self.runColumns) WHERE id = $1", [identity])
        if let row = whole.first { return try Self.runRecord(row) }
        for prefix in [identity, identity.uppercased()] {
            let rows = try await reader.repeated(
                "\(Self.runColumns) WHERE id >= $1 AND id < $2 LIMIT 2",
                [prefix, prefix + "\u{10FFFF}"]
            )
            if let row = rows.first { return rows.count == 1 ? try Self.runRecord(row) : nil }
        }
        return nil
    }

    package func playbook(of run: RunID) async throws(RunStoreError) -> String {
        let rows = try await reader.repeated(
            """
            SELECT d.digest, d.text FROM bgdeploy.runs r JOIN bgdeploy.documents d ON d.digest = r.playbook
            WHERE r.id = $1
            """,
            [run.rawValue]
        )
        guard let row = rows.first else { throw unknown(run.rawValue) }
        let text = try row.text("text")
        guard Digest.sha256(Array(text.utf8)) == (try row.text("digest")) else {
            throw .unreadable(
                "the playbook of run \(run) was changed in the journal: restore it from a backup"
            )
        }
        return text
    }

    private static let runColumns = "SELECT id, service, version, started_at FROM bgdeploy.runs"

    private static func runRecord(_ row: PostgresRow) throws(RunStoreError) -> RunRecord {
        let version = try row.text("version")
        guard let version = Version(rawValue: version) else {
            throw .unreadable("the journal names a version that cannot be one: \(version)")
        }
        return RunRecord(
            id: RunID(rawValue: try row.text("id")),
            service: try row.text("service"),
            version: version,
            startedAt: Timestamp(milliseconds: Int64(try row.number("started_at")))
        )
    }
}
