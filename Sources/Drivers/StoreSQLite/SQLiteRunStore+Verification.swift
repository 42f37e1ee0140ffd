import DeployCore
package import DeployPorts
import GRDB
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
            while chain.breach == nil, let row = try rows.next() { chain.take(row) }
            if chain.breach == nil { chain.breach = try Self.breach(outside: chain, in: database) }
            return ChainReport(entryCount: chain.count, head: chain.head, breach: chain.breach)
        }
    }

    /// What the entries cannot show by themselves: a missing end, runs without entries, changed playbooks.
    private static func breach(outside chain: ChainCheck, in database: Database) throws -> String? {
        guard let end = try Row.fetchOne(database, sql: "SELECT position, hash FROM chain"),
            try end.number("position") == chain.count, try end.text("hash") == chain.head
        else {
            return "after \(chain.lastEntry): the journal's end is not the one that was written last"
        }
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

/// Follows the chain from its beginning and stops at the first entry that does not fit.
private struct ChainCheck {
    private(set) var count = 0
    private(set) var head = JournalLine.origin
    private(set) var lastEntry = "the beginning"
    var breach: String?
    private var sequences: [String: Int] = [:]

    mutating func take(_ row: Row) {
        do {
            let line = try JournalLine(row: row)
            let name = "run \(line.run), entry \(line.sequence)"
            if let complaint = try complaint(about: line, in: row) {
                breach = "\(name): \(complaint)"
                return
            }
            count += 1
            head = try row.text("hash")
            lastEntry = name
            sequences[line.run] = line.sequence
        } catch {
            breach = "after \(lastEntry): a row is damaged"
        }
    }

    private func complaint(about line: JournalLine, in row: Row) throws -> String? {
        let position = try row.number("position")
        guard position == count + 1 else {
            return "it is at position \(position), but position \(count + 1) is missing before it"
        }
        guard line.previous == head else { return "it does not follow \(lastEntry)" }
        guard line.sequence == (sequences[line.run] ?? 0) + 1 else {
            return "entry \((sequences[line.run] ?? 0) + 1) is missing before it"
        }
        guard try line.digest == row.text("hash") else { return "it was changed after it was written" }
        return try complaintAboutRun(line, row)
    }

    /// The table of runs must say what the run's first entry says.
    private func complaintAboutRun(_ line: JournalLine, _ row: Row) throws -> String? {
        guard line.sequence == 1 else {
            return row.optionalText("id") == nil ? nil : "it is taken for the first entry of a run"
        }
        // An entry of a later version is whole even if this one cannot read it.
        guard let event = try? JournalCoding.decode(RunEvent.self, from: line.event) else { return nil }
        guard case .started(let plan) = event.kind else { return "a run must begin with its start" }
        let isSame =
            try row.text("id") == line.run && row.text("service") == plan.service
            && row.text("version") == plan.version.rawValue
            && row.number("started_at") == Int(event.at.milliseconds)
        return isSame ? nil : "the table of runs says something else about this run"
    }
}
