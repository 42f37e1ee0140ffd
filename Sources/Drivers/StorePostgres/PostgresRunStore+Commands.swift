package import DeployCore
package import DeployPorts
import JournalFormat

extension PostgresRunStore {
    /// A command that is posted again after a lost answer has the token of the first and is not put in twice.
    package func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int {
        let rows = try await writer.repeated(
            """
            WITH posted AS (
                INSERT INTO bgdeploy.commands (run, posted, token)
                SELECT id, $2, $3 FROM bgdeploy.runs WHERE id = $1
                ON CONFLICT (token) DO UPDATE SET token = excluded.token
                RETURNING id
            )
            SELECT id, pg_notify('\(PostgresSchema.channel)', 'run:' || $1),
                \(PostgresSchema.durable) AS durable
            FROM posted
            """,
            [run.rawValue, try json(command), Self.newToken()]
        )
        guard let row = rows.first else { throw unknown(run.rawValue) }
        return try row.number("id")
    }

    package func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting] {
        let rows = try await reader.repeated(
            "SELECT id, posted FROM bgdeploy.commands WHERE run = $1 AND NOT answered ORDER BY id",
            [run.rawValue]
        )
        var waiting: [PostedCommand.Waiting] = []
        for row in rows {
            let id = try row.number("id")
            let text = try row.text("posted")
            guard let posted = try? JournalCoding.decode(PostedCommand.self, from: Array(text.utf8)) else {
                throw .unreadable(
                    """
                    command \(id) to run \(run) is none that this version of bgdeploy knows; it was \
                    posted by a later version: use that one
                    """
                )
            }
            waiting.append(PostedCommand.Waiting(id: id, posted: posted))
        }
        return waiting
    }

    /// The first answer stays; a second one changes nothing.
    package func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError) {
        let rows = try await writer.repeated(
            """
            WITH held AS (
                SELECT service FROM bgdeploy.leases
                WHERE service = $1 AND fence = $2::bigint AND holder IS NOT NULL FOR SHARE
            ), answer AS (
                UPDATE bgdeploy.commands c
                SET answered = true, refusal = CASE WHEN $4::boolean THEN $5::text END
                FROM held, bgdeploy.runs r
                WHERE c.id = $3::bigint AND NOT c.answered AND r.id = c.run AND r.service = held.service
                RETURNING c.run
            )
            SELECT pg_notify('\(PostgresSchema.channel)', 'run:' || answer.run),
                \(PostgresSchema.durable) AS durable
            FROM held LEFT JOIN answer ON true
            """,
            [lease.service, "\(lease.fence)", "\(id)", "\(refusal != nil)", refusal ?? ""]
        )
        guard !rows.isEmpty else { throw .leaseLost }
    }

    package func run(ofCommand id: Int) async throws(RunStoreError) -> RunID? {
        let rows = try await reader.repeated(
            "SELECT run FROM bgdeploy.commands WHERE id = $1::bigint",
            ["\(id)"]
        )
        return try rows.first.map { row throws(RunStoreError) in RunID(rawValue: try row.text("run")) }
    }

    package func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply? {
        let rows = try await reader.repeated(
            "SELECT refusal FROM bgdeploy.commands WHERE id = $1::bigint AND answered",
            ["\(id)"]
        )
        return rows.first.map { PostedCommand.Reply(refusal: $0.optionalText("refusal")) }
    }

    /// Tells one statement from another, and is the same when it is tried again.
    static func newToken() -> String {
        String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
    }
}
