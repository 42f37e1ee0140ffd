package import DeployCore
package import DeployPorts
import GRDB
package import JournalFormat

extension SQLiteRunStore: JournalArchive {
    package var place: String { file.path }

    package func contents(at now: Timestamp) async throws(RunStoreError) -> JournalContents {
        let isAlive = isAlive
        return try await read { database in
            var fences: [JournalContents.Fence] = []
            for row in try Row.fetchAll(database, sql: "SELECT service, fence, holder, expires FROM leases") {
                let service = try row.text("service")
                if let held = try Self.lease(of: service, in: row), now < held.expires,
                    isAlive(held.holder) != false
                {
                    throw RunStoreError.held(held)
                }
                fences.append(JournalContents.Fence(service: service, fence: try row.number("fence")))
            }
            return JournalContents(
                documents: try Row.fetchAll(
                    database,
                    sql: "SELECT digest, CAST(text AS BLOB) AS text FROM documents"
                ).map {
                    JournalContents.Document(
                        digest: try $0.text("digest"),
                        text: String(decoding: try $0.bytes("text"), as: UTF8.self)
                    )
                },
                links: try Row.fetchAll(database, sql: "\(Self.lines) ORDER BY e.position")
                    .map(ChainLink.init(row:)),
                fences: fences,
                commands: try Row.fetchAll(
                    database,
                    sql: "SELECT id, run, posted FROM commands WHERE answered = 0 ORDER BY id"
                ).map {
                    JournalContents.Waiting(
                        id: try $0.number("id"),
                        run: try $0.text("run"),
                        posted: try $0.text("posted")
                    )
                },
                records: try Self.allRecords(in: database)
            )
        }
    }

    private static func allRecords(in database: Database) throws -> [DeployPorts.Record] {
        guard try Schema.version(of: database) >= Schema.version else { return [] }
        return try Row.fetchAll(database, sql: "SELECT \(recordColumns) FROM records").map(makeRecord)
    }

    package func fill(with contents: JournalContents) async throws(RunStoreError) {
        let path = file.path
        try await write { database in
            for table in ["events", "documents", "leases", "commands", "records"] {
                guard try Row.fetchOne(database, sql: "SELECT 1 FROM \(table)") == nil else {
                    throw RunStoreError.unavailable(
                        "\(path) is not empty (it has \(table)): give a new file; nothing was copied"
                    )
                }
            }
            for document in contents.documents {
                try database.execute(
                    sql: "INSERT INTO documents (digest, text) VALUES (?, ?)",
                    arguments: [document.digest, document.text]
                )
            }
            for link in contents.links { try Self.insert(link, into: database) }
            if let end = contents.links.last {
                try database.execute(
                    sql: "UPDATE chain SET position = ?, hash = ?",
                    arguments: [end.position, end.hash]
                )
            }
            for fence in contents.fences {
                try database.execute(
                    sql: "INSERT INTO leases (service, fence, holder, expires) VALUES (?, ?, NULL, 0)",
                    arguments: [fence.service, fence.fence]
                )
            }
            try Self.insert(contents.commands, into: database)
            try Self.insert(contents.records, into: database)
        }
    }

    private static func insert(_ link: ChainLink, into database: Database) throws {
        let line = link.line
        try insert(line, hash: link.hash, at: link.position, into: database)
        guard let run = link.run else { return }
        try database.cachedStatement(
            sql: """
                INSERT INTO runs (position, id, service, version, started_at, playbook)
                VALUES (?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            link.position, run.id, run.service, run.version, run.startedAt, run.playbook,
        ])
    }

    private static func insert(_ commands: [JournalContents.Waiting], into database: Database) throws {
        for command in commands {
            try database.execute(
                sql: "INSERT INTO commands (id, run, posted) VALUES (?, ?, ?)",
                arguments: [command.id, command.run, command.posted]
            )
        }
    }

    private static func insert(_ records: [DeployPorts.Record], into database: Database) throws {
        for record in records {
            try database.execute(
                sql: "INSERT INTO records (kind, key, value, due, revision) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    record.kind.rawValue, record.key, record.value, record.due?.milliseconds,
                    record.revision,
                ]
            )
        }
        try database.execute(
            sql: "UPDATE revisions SET last = max(last, ?)",
            arguments: [records.map(\.revision).max() ?? 0]
        )
    }
}
