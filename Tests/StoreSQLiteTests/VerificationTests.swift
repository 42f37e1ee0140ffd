import DeployCore
import DeployPorts
import Foundation
import GRDB
import StoreSQLite
import Testing

@testable import StoreLab

@Suite struct VerificationTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Two runs, six entries: RUNA 1–3, RUNB 1–3.
    private func filled() async throws -> SQLiteRunStore {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.run("RUNA", entries: 3, in: store)
        try await Sample.run("RUNB", entries: 3, in: store, under: lease)
        return store
    }

    @Test func `an untouched journal is whole, and its head is the last hash`() async throws {
        let store = try await filled()
        let report = try await store.verify()
        #expect(report.breach == nil)
        #expect(report.entryCount == 6)
        let last = try await store.entries(of: RunID(rawValue: "RUNB"), after: 2)
        #expect(report.head == last.first?.hash)
    }

    @Test func `an empty journal is whole`() async throws {
        let report = try await SQLiteRunStore(path: folder.journal).verify()
        #expect(report == ChainReport(entryCount: 0, head: String(repeating: "0", count: 64), breach: nil))
    }

    @Test func `every changed byte of an entry is found`() async throws {
        let store = try await filled()
        let queue = try folder.foreignQueue()
        var missed: [String] = []
        for column in ["event", "effects", "run", "previous", "hash"] {
            for position in [1, 5] {
                let bytes = try await queue.read { try Self.bytes(of: column, at: position, in: $0) }
                // The plan is long: a sample of it is enough.
                for index in stride(from: 0, to: bytes.count, by: bytes.count > 300 ? 7 : 1) {
                    var changed = bytes
                    changed[index] ^= UInt8(1 << (index % 8))
                    try await queue.write { [changed] in
                        try Self.set(column, to: changed, at: position, in: $0)
                    }
                    let breach = try await store.verify().breach
                    if breach == nil { missed.append("\(column) of \(position), byte \(index)") }
                }
                try await queue.write { try Self.set(column, to: bytes, at: position, in: $0) }
            }
        }
        #expect(missed == [])
        let breach = try await store.verify().breach
        #expect(breach == nil, "the journal is as it was before")
    }

    @Test(arguments: [
        ("DELETE FROM events WHERE position = 3", "run RUNB, entry 1"),
        ("DELETE FROM events WHERE position = 1", "run RUNA, entry 2"),
        ("DELETE FROM events WHERE position = 6", "run RUNB, entry 2"),
        ("DELETE FROM events WHERE position > 3", "run RUNA, entry 3"),
        ("DELETE FROM events", "the beginning"),
        ("UPDATE events SET sequence = 9 WHERE position = 2", "run RUNA, entry 9"),
        ("UPDATE events SET fence = 9 WHERE position = 5", "run RUNB, entry 2"),
        ("UPDATE events SET at = at + 1 WHERE position = 5", "run RUNB, entry 2"),
        (
            """
            UPDATE events SET position = 100 WHERE position = 2; UPDATE events SET position = 2
            WHERE position = 3; UPDATE events SET position = 3 WHERE position = 100
            """, "run RUNA, entry 3"
        ),
        (
            """
            DELETE FROM events WHERE run = 'RUNA'; DELETE FROM runs WHERE id = 'RUNA';
            UPDATE events SET position = position - 3; UPDATE runs SET position = 1;
            UPDATE chain SET position = 3
            """, "run RUNB, entry 1"
        ),
        ("DELETE FROM runs WHERE id = 'RUNB'", "run RUNB, entry 1"),
        ("UPDATE runs SET service = 'other' WHERE id = 'RUNB'", "run RUNB, entry 1"),
        ("UPDATE runs SET version = 'v9' WHERE id = 'RUNA'", "run RUNA, entry 1"),
        ("UPDATE runs SET started_at = 1 WHERE id = 'RUNA'", "run RUNA, entry 1"),
        ("UPDATE documents SET text = text || ' '", "playbook"),
        ("DELETE FROM documents", "playbook"),
        ("UPDATE chain SET hash = 'a'", "run RUNB, entry 3"),
        ("DELETE FROM chain", "run RUNB, entry 3"),
    ])
    func `what was removed, moved or changed is named`(tampering: String, place: String) async throws {
        let store = try await filled()
        try folder.foreign(tampering)
        let breach = try await store.verify().breach
        #expect(breach?.contains(place) == true, "\(breach ?? "nothing was found")")
    }

    @Test func `a playbook in place of another one is found`() async throws {
        let store = try await filled()
        let text = "service: evil\n"
        let digest = try await store.verify().head
        try folder.foreign("INSERT INTO documents VALUES ('\(digest)', '\(text)')")
        try folder.foreign("UPDATE runs SET playbook = '\(digest)' WHERE id = 'RUNA'")
        let breach = try await store.verify().breach
        #expect(breach?.contains("run RUNA, entry 1") == true)
        let refusal = await error { _ = try await store.playbook(of: RunID(rawValue: "RUNA")) }
        guard case .unreadable = refusal else { Issue.record("\(String(describing: refusal))"); return }
    }

    @Test func `a run with a changed entry is not read`() async throws {
        let store = try await filled()
        try folder.foreign("UPDATE events SET event = replace(event, '25 %', '95 %') WHERE position = 2")
        let refusal = await error { _ = try await store.entries(of: RunID(rawValue: "RUNA"), after: 0) }
        guard case .unreadable(let text) = refusal, text.contains("entry 2") else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        let rest = try await store.entries(of: RunID(rawValue: "RUNB"), after: 0)
        #expect(rest.count == 3)
    }

    @Test func `nothing is appended to a journal whose end is missing`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.run("RUNA", entries: 3, in: store)
        try folder.foreign("DELETE FROM events WHERE position = 3")
        let refusal = await error {
            _ = try await store.append(
                Sample.succeeded(4),
                effects: [],
                to: RunID(rawValue: "RUNA"),
                lease: lease
            )
        }
        guard case .unreadable = refusal else { Issue.record("\(String(describing: refusal))"); return }
    }

    private static func bytes(of column: String, at position: Int, in database: Database) throws -> [UInt8] {
        let data = try Data.fetchOne(
            database,
            sql: "SELECT CAST(\(column) AS BLOB) FROM events WHERE position = \(position)"
        )
        return try [UInt8](#require(data))
    }

    private static func set(
        _ column: String,
        to bytes: [UInt8],
        at position: Int,
        in database: Database
    ) throws {
        try database.execute(
            sql: "UPDATE events SET \(column) = CAST(? AS TEXT) WHERE position = \(position)",
            arguments: [Data(bytes)]
        )
    }
}
