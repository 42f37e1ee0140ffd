import DeployCore
package import DeployPorts
import GRDB
import JournalFormat
import SafeFile

extension SQLiteRunStore {
    /// Reads every row once, in the order of writing, and holds one of them in memory at a time.
    ///
    /// A chain alone cannot show that all of it was written anew, or its end cut off together with the note of
    /// where it ended: compare ``ChainReport/head`` with one that was kept elsewhere.
    package func verify() async throws(RunStoreError) -> ChainReport {
        try await read { database in
            var chain = ChainCheck()
            let rows = try Row.fetchCursor(database, sql: "\(Self.lines) ORDER BY e.position")
            while chain.breach == nil, let row = try rows.next() {
                if let link = try? ChainLink(row: row) { chain.take(link) } else { chain.takeDamaged() }
            }
            let end = try Row.fetchOne(database, sql: "SELECT position, hash FROM chain")
            chain.end(at: try end.map { (try $0.number("position"), try $0.text("hash")) })
            if chain.breach == nil { chain.breach = try Self.breach(outsideTheChain: database) }
            return chain.report
        }
    }

    /// What the entries cannot show by themselves: runs without entries, changed playbooks.
    private static func breach(outsideTheChain database: Database) throws -> String? {
        let orphan = try Row.fetchOne(
            database,
            sql: """
                SELECT id FROM runs WHERE position NOT IN (SELECT position FROM events WHERE sequence = 1)
                """
        )
        if let orphan { return "run \(try orphan.text("id")): its first entry is missing" }
        let documents = try Row.fetchCursor(
            database,
            sql: "SELECT digest, CAST(text AS BLOB) AS text FROM documents"
        )
        while let row = try documents.next() {
            let digest = try row.text("digest")
            guard Digest.sha256(try row.bytes("text")) == digest else {
                return "the playbook \(digest): its text was changed after it was written"
            }
        }
        let missing = try Row.fetchOne(
            database,
            sql: "SELECT id FROM runs WHERE playbook NOT IN (SELECT digest FROM documents)"
        )
        return try missing.map { "run \(try $0.text("id")): its playbook is missing" }
    }
}
