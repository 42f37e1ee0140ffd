package import DeployCore
package import DeployPorts
import GRDB
import JournalFormat
import SafeFile

extension SQLiteRunStore {
    /// - Precondition: `event` is `.started`.
    package func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry {
        guard case .started(let plan) = event.kind else {
            preconditionFailure("a run opens with the event that it started")
        }
        return try await write { database in
            guard plan.service == lease.service else { throw RunStoreError.leaseLost }
            try Self.check(lease, in: database)
            let known = try Row.fetchOne(
                database,
                sql: "SELECT 1 FROM runs WHERE id = ?",
                arguments: [run.rawValue]
            )
            guard known == nil else {
                throw RunStoreError.unreadable("run \(run) is in the journal already: take another identity")
            }
            let digest = Digest.sha256(Array(playbook.utf8))
            try database.execute(
                sql: "INSERT INTO documents (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [digest, playbook]
            )
            let content = Content(run: run, sequence: 1, event: event, effects: effects, playbook: digest)
            let (position, entry) = try Self.insert(content, fence: lease.fence, into: database)
            try database.execute(
                sql: """
                    INSERT INTO runs (position, id, service, version, started_at, playbook)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    position, run.rawValue, plan.service, plan.version.rawValue, event.at.milliseconds,
                    digest,
                ]
            )
            return entry
        }
    }

    package func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry {
        try await write { database in
            try Self.check(lease, in: database)
            if let command { try Self.answer(command, refusal: nil, lease, in: database) }
            let statement = try database.cachedStatement(
                sql: """
                    SELECT service, (SELECT max(sequence) FROM events WHERE run = ?1) AS last
                    FROM runs WHERE id = ?1
                    """
            )
            guard let row = try Row.fetchOne(statement, arguments: [run.rawValue]) else {
                throw Self.unknown(run.rawValue)
            }
            guard try row.text("service") == lease.service else { throw RunStoreError.leaseLost }
            let last = try row.number("last")
            let content = Content(run: run, sequence: last + 1, event: event, effects: effects)
            return try Self.insert(content, fence: lease.fence, into: database).entry
        }
    }

    package func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "\(Self.lines) WHERE e.run = ? AND e.sequence > ? ORDER BY e.sequence"
            )
            let rows = try Row.fetchCursor(statement, arguments: [run.rawValue, sequence])
            var entries: [JournalEntry] = []
            while let row = try rows.next() {
                let line = try JournalLine(row: row)
                let hash = try row.text("hash")
                // A damaged entry must not steer a run.
                guard line.digest == hash, line.sequence == sequence + entries.count + 1 else {
                    throw RunStoreError.unreadable(
                        """
                        run \(run), entry \(line.sequence), is damaged or follows a missing one; \
                        `bgdeploy audit verify` says more
                        """
                    )
                }
                entries.append(try line.entry(hash: hash))
            }
            return entries
        }
    }

    // MARK: writing

    /// What is about to become an entry.
    private struct Content {
        let run: RunID
        let sequence: Int
        let event: RunEvent
        let effects: [PendingEffect]
        var playbook = ""
    }

    /// Puts the entry at the chain's end.
    private static func insert(
        _ content: Content,
        fence: Int,
        into database: Database
    ) throws -> (position: Int, entry: JournalEntry) {
        let end = try chainEnd(in: database)
        let line = JournalLine(
            run: content.run.rawValue,
            sequence: content.sequence,
            at: content.event.at.milliseconds,
            fence: fence,
            event: try JournalCoding.encode(content.event),
            effects: try JournalCoding.encode(content.effects),
            previous: end.hash,
            playbook: content.playbook
        )
        let hash = line.digest
        try insert(line, hash: hash, at: end.position + 1, into: database)
        try database.cachedStatement(sql: "UPDATE chain SET position = ?, hash = ?")
            .execute(arguments: [end.position + 1, hash])
        let entry = JournalEntry(
            run: content.run,
            sequence: content.sequence,
            event: content.event,
            effects: content.effects,
            fence: fence,
            hash: hash
        )
        return (end.position + 1, entry)
    }

    static func insert(
        _ line: JournalLine,
        hash: String,
        at position: Int,
        into database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO events (position, run, sequence, at, fence, event, effects, previous, hash)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            position, line.run, line.sequence, line.at, line.fence,
            String(decoding: line.event, as: UTF8.self), String(decoding: line.effects, as: UTF8.self),
            line.previous, hash,
        ])
    }

    /// The last position and hash; `.unreadable` when the last rows are missing.
    private static func chainEnd(in database: Database) throws -> (position: Int, hash: String) {
        let statement = try database.cachedStatement(
            sql: """
                SELECT c.position AS position, c.hash AS hash, ifnull(e.hash, ?) AS written,
                (SELECT ifnull(max(position), 0) FROM events) AS last
                FROM chain c LEFT JOIN events e ON e.position = c.position
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [JournalLine.origin]),
            try row.text("hash") == row.text("written"), try row.number("position") == row.number("last")
        else {
            throw RunStoreError.unreadable(
                "the journal's last entries are missing or changed; `bgdeploy audit verify` says more"
            )
        }
        return (try row.number("position"), try row.text("hash"))
    }

    static func unknown(_ run: String) -> RunStoreError {
        .unreadable("run \(run) is not in this journal: look at `bgdeploy history`")
    }

    /// Reads what ``JournalLine/init(row:)`` takes; texts as bytes, since a text ends at a zero byte.
    static let lines = """
        SELECT e.run AS run, e.sequence AS sequence, e.at AS at, e.fence AS fence,
        CAST(e.event AS BLOB) AS event, CAST(e.effects AS BLOB) AS effects, e.previous AS previous,
        e.hash AS hash, e.position AS position, r.playbook AS playbook, r.id AS id, r.service AS service,
        r.version AS version, r.started_at AS started_at
        FROM events e LEFT JOIN runs r ON r.position = e.position
        """
}
