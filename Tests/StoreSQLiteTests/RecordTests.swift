import DeployCore
import DeployPorts
import DeployTestKit
import Foundation
import GRDB
import JournalFormat
import StoreSQLite
import Testing

@testable import StoreLab

@Suite struct RecordTests {
    private static let kind = DeployPorts.Record.Kind(rawValue: "token")
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `the SQLite journal keeps every promise of a record store`() async throws {
        let contract = RecordStoreContract { [folder] in try await SQLiteRunStore(path: folder.journal) }
        let broken = try await contract.brokenPromises()
        #expect(broken == [])
    }

    @Test func `documents in memory keep every promise of a record store`() async throws {
        let records = MemoryRecords()
        let broken = try await RecordStoreContract { records }.brokenPromises()
        #expect(broken == [])
    }

    @Test func `a document that is too long is refused, and says how long it may be`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        for (key, value) in [(String(repeating: "k", count: 201), ""), ("k", "a\u{0}b")] {
            let refusal = await error {
                _ = try await store.insert(value, as: Self.kind, key: key, due: nil)
            }
            guard case .unavailable(let text) = refusal else { Issue.record("it was written"); return }
            #expect(text.contains("bytes") && text.contains("nothing was written"))
        }
    }

    // MARK: version 1

    /// A journal as the first version wrote it.
    private func oldJournal() throws {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/journal-version-1.db")
        let state = folder.path + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: golden.path, toPath: folder.journal)
        chmod(folder.journal, 0o600)
    }

    private func version() throws -> Int? {
        try folder.foreignQueue().read { try Int.fetchOne($0, sql: "PRAGMA user_version") }
    }

    @Test func `a journal of version 1 is read as it is`() async throws {
        try oldJournal()
        let store = try await SQLiteRunStore(path: folder.journal)
        let entries = try await store.entries(of: RunID(rawValue: "RUNA"), after: 0)
        #expect(entries.count == 3)
        let report = try await store.verify()
        #expect(report.breach == nil)
        #expect(report.head == "44644ea06083c50b516f865977c6d6a47566918cf85c0e3737699d5bab220553")
        let record = try await store.record(Self.kind, "a")
        let records = try await store.records(Self.kind, after: "", limit: 9)
        #expect(record == nil && records.isEmpty)
        #expect(try version() == 1)
    }

    @Test func `the first write makes version 2 of a journal of version 1, with all that was in it`()
        async throws
    {
        try oldJournal()
        let (store, reader) = (
            try await SQLiteRunStore(path: folder.journal), try await SQLiteRunStore(path: folder.journal)
        )
        let before = try await store.verify()
        let record = try await store.insert("secret", as: Self.kind, key: "a", due: nil)
        #expect(try version() == 2)
        #expect(record != nil)
        let after = try await reader.verify()
        #expect(after == before)
        let read = try await reader.record(Self.kind, "a")
        #expect(read == record)
        let lease = try await Sample.lease(store)
        let next = try await store.append(
            Sample.succeeded(9),
            effects: [],
            to: RunID(rawValue: "RUNA"),
            lease: lease
        )
        #expect(next.sequence == 4)
    }
}
