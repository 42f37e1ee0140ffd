package import DeployCore
package import DeployPorts
import GRDB
import JournalFormat

extension SQLiteRunStore {
    package func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int {
        try await write { database in
            let known = try Row.fetchOne(
                database,
                sql: "SELECT 1 FROM runs WHERE id = ?",
                arguments: [run.rawValue]
            )
            guard known != nil else { throw Self.unknown(run.rawValue) }
            try database.execute(
                sql: "INSERT INTO commands (run, posted) VALUES (?, ?)",
                arguments: [run.rawValue, try JournalCoding.text(command)]
            )
            return Int(database.lastInsertedRowID)
        }
    }

    package func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT id, posted FROM commands WHERE run = ? AND answered = 0 ORDER BY id"
            )
            return try Row.fetchAll(statement, arguments: [run.rawValue]).map { row in
                let id = try row.number("id")
                let text = try row.text("posted")
                guard
                    let posted = try? JournalCoding.decode(PostedCommand.self, from: Array(text.utf8))
                else {
                    throw RunStoreError.unreadable(
                        """
                        command \(id) to run \(run) is none that this version of bgdeploy knows; it was \
                        posted by a later version: use that one
                        """
                    )
                }
                return PostedCommand.Waiting(id: id, posted: posted)
            }
        }
    }

    /// The first answer stays; a second one changes nothing.
    package func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError) {
        try await write { database in
            try Self.check(lease, in: database)
            try Self.answer(id, refusal: refusal, lease, in: database)
        }
    }

    static func answer(_ id: Int, refusal: String?, _ lease: Lease, in database: Database) throws {
        try database.execute(
            sql: """
                UPDATE commands SET answered = 1, refusal = ? WHERE id = ? AND answered = 0
                AND run IN (SELECT id FROM runs WHERE service = ?)
                """,
            arguments: [refusal, id, lease.service]
        )
    }

    package func run(ofCommand id: Int) async throws(RunStoreError) -> RunID? {
        try await read { database in
            let statement = try database.cachedStatement(sql: "SELECT run FROM commands WHERE id = ?")
            return try Row.fetchOne(statement, arguments: [id]).map { RunID(rawValue: try $0.text("run")) }
        }
    }

    package func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply? {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT refusal FROM commands WHERE id = ? AND answered = 1"
            )
            guard let row = try Row.fetchOne(statement, arguments: [id]) else { return nil }
            return PostedCommand.Reply(refusal: row.optionalText("refusal"))
        }
    }
}
