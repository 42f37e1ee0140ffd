import DeployPorts
import JournalFormat

/// The statements that put an entry at the chain's end.
///
/// Each locks the row of `chain`, so that entries come one after another, and the row of the lease, so that
/// nobody takes it over in between; both are read as they are once they are locked. Without the lease there
/// is no `place`, and without a place nothing is written.
extension PostgresRunStore {
    /// Whatever is longer is read in parts.
    static let pageSize = 500

    /// Values: service, fence, run, time, event, effects, the run's last sequence, the command that is
    /// answered.
    static let appending = """
        WITH place AS (
            SELECT c.position + 1 AS position, c.hash AS previous, r.last + 1 AS sequence
            FROM bgdeploy.chain c, bgdeploy.runs r, bgdeploy.leases l
            WHERE c.format = \(PostgresSchema.version)
                AND r.id = $3 AND r.service = l.service AND r.last = $7::bigint
                AND l.service = $1 AND l.fence = $2::bigint AND l.holder IS NOT NULL
            FOR UPDATE OF c FOR NO KEY UPDATE OF r FOR SHARE OF l
        ), \(entry(playbook: "''")), run AS (
            UPDATE bgdeploy.runs r SET last = e.sequence FROM entry e WHERE r.id = $3
        ), answer AS (
            UPDATE bgdeploy.commands c SET answered = true FROM entry
            WHERE c.id = $8::bigint AND c.run = $3 AND NOT c.answered
        )
        \(told)
        """

    /// Values: service, fence, run, time, event, effects, the playbook's digest and text, the version.
    static let opening = """
        WITH place AS (
            SELECT c.position + 1 AS position, c.hash AS previous, 1 AS sequence
            FROM bgdeploy.chain c, bgdeploy.leases l
            WHERE c.format = \(PostgresSchema.version)
                AND l.service = $1 AND l.fence = $2::bigint AND l.holder IS NOT NULL
                AND NOT EXISTS (SELECT FROM bgdeploy.runs WHERE id = $3)
            FOR UPDATE OF c FOR SHARE OF l
        ), document AS (
            INSERT INTO bgdeploy.documents (digest, text) SELECT $7::text, $8::text FROM place
            ON CONFLICT DO NOTHING
        ), \(entry(playbook: "$7::text")), run AS (
            INSERT INTO bgdeploy.runs (position, id, service, version, started_at, playbook, last)
            SELECT position, $3, $1, $9::text, $4::bigint, $7, 1 FROM entry
        )
        \(told)
        """

    /// Hashed by the server, since nobody else knows the hash before until the chain is locked; the bytes are
    /// those of ``JournalLine/digest``.
    private static func entry(playbook: String) -> String {
        """
        entry AS (
            INSERT INTO bgdeploy.events (position, run, sequence, at, fence, event, effects, previous, hash)
            SELECT position, $3::text, sequence, $4::bigint, $2::bigint, $5::text, $6::text, previous,
                encode(sha256(convert_to(concat_ws(
                    chr(10), previous, $3::text, sequence, $4::bigint, $2::bigint, \(playbook), $5::text,
                    $6::text
                ), 'UTF8')), 'hex')
            FROM place RETURNING position, sequence, hash
        ), tip AS (
            UPDATE bgdeploy.chain c SET position = e.position, hash = e.hash FROM entry e
        )
        """
    }

    private static let told = """
        SELECT hash, pg_notify('\(PostgresSchema.channel)', 'run:' || $3),
            \(PostgresSchema.durable) AS durable
        FROM entry
        """

    /// Reads what ``ChainLink/init(row:)`` takes.
    static let lines = """
        SELECT e.position, e.run, e.sequence, e.at, e.fence, e.event, e.effects, e.previous, e.hash,
            r.id, r.service, r.version, r.started_at, r.playbook
        FROM bgdeploy.events e LEFT JOIN bgdeploy.runs r ON r.position = e.position
        """
}

extension ChainLink {
    init(row: PostgresRow) throws(RunStoreError) {
        var run: RunLine?
        if let id = row.optionalText("id") {
            run = RunLine(
                id: id,
                service: try row.text("service"),
                version: try row.text("version"),
                startedAt: Int64(try row.number("started_at")),
                playbook: try row.text("playbook")
            )
        }
        self.init(
            position: try row.number("position"),
            line: JournalLine(
                run: try row.text("run"),
                sequence: try row.number("sequence"),
                at: Int64(try row.number("at")),
                fence: try row.number("fence"),
                event: Array(try row.text("event").utf8),
                effects: Array(try row.text("effects").utf8),
                previous: try row.text("previous"),
                playbook: run?.playbook ?? ""
            ),
            hash: try row.text("hash"),
            run: run
        )
    }
}
