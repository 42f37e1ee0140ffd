import DeployCore
import DeployPorts
import Foundation
import GRDB
import StoreSQLite
import Testing

@testable import StoreLab

@Suite struct FaultTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func openingError() async -> RunStoreError? {
        await error { _ = try await SQLiteRunStore(path: folder.journal) }
    }

    @Test func `the journal is for its user alone`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        try await Sample.run("RUNA", entries: 2, in: store)
        #expect(try mode(folder.path + "/state") == 0o700)
        for name in ["journal.db", "journal.db-wal", "journal.db-shm", "journal.ballast"] {
            #expect(try mode(folder.path + "/state/" + name) == 0o600, "\(name)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state")
        #expect(left.count == 4, "\(left)")
    }

    @Test(arguments: [0o666, 0o620, 0o602])
    func `a file that others may write is refused with the way to mend it`(mode: Int) async throws {
        _ = try await SQLiteRunStore(path: folder.journal)
        chmod(folder.journal, mode_t(mode))
        guard case .unavailable(let text) = await openingError() else {
            Issue.record("opened")
            return
        }
        #expect(text.contains("chmod 600 '\(folder.journal)'"))
        chmod(folder.journal, 0o640)
        #expect(await openingError() == nil)
    }

    @Test func `a later version's journal is not touched`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.lease(store)
        try folder.foreign("PRAGMA user_version = 3")
        guard case .unreadable(let text) = await openingError() else {
            Issue.record("opened")
            return
        }
        #expect(text.contains("written by a later version of bgdeploy"))
        let late = await error { try await store.renew(lease, at: Sample.now) }
        guard case .unreadable = late else {
            Issue.record("a store opened before wrote on: \(String(describing: late))")
            return
        }
    }

    @Test func `what is no journal is not touched`() async throws {
        let state = folder.path + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try Data("not a database, but long enough to have had a header of one".utf8)
            .write(to: URL(fileURLWithPath: folder.journal))
        chmod(folder.journal, 0o600)
        guard case .unreadable = await openingError() else { Issue.record("text was opened"); return }
        try FileManager.default.removeItem(atPath: folder.journal)
        try folder.foreign("CREATE TABLE accounts (id INTEGER)")
        chmod(folder.journal, 0o600)
        guard case .unreadable = await openingError() else { Issue.record("a ledger was opened"); return }
    }

    @Test func `an entry of a later version is named, not guessed`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.run("RUNA", entries: 2, in: store)
        let line = JournalText(
            run: "RUNA",
            sequence: 3,
            fence: lease.fence,
            event: #"{"at":{"milliseconds":1},"kind":{"teleported":{"to":"mars"}}}"#
        )
        try line.insert(into: folder)
        let refusal = await error { _ = try await store.entries(of: RunID(rawValue: "RUNA"), after: 0) }
        guard case .unreadable(let text) = refusal else { Issue.record("it was read"); return }
        #expect(text.contains("entry 3 of run RUNA") && text.contains("later version"), "\(text)")
        let report = try await store.verify()
        #expect(report.breach == nil, "a later version's entry is no breach")
    }

    @Test func `a foreign lock ends in an error in bounded time, and reading goes on`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.run("RUNA", entries: 2, in: store)
        let queue = try folder.foreignQueue()
        try await queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let clock = ContinuousClock()
        let begin = clock.now
        let refusal = await error { try await store.renew(lease, at: Sample.now) }
        let took = clock.now - begin
        guard case .unavailable(let text) = refusal, text.contains("locked") else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(took < .seconds(SQLiteRunStore.patience + 5), "\(took)")
        let read = try await store.entries(of: RunID(rawValue: "RUNA"), after: 0)
        #expect(read.count == 2, "reading goes on beside a lock")
        try await queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try await store.renew(lease, at: Sample.now)
    }

    @Test(.enabled(if: access(sqlite3, X_OK) == 0, "needs the sqlite3 shell"))
    func `the process that holds the lock is named`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.lease(store)
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: Self.sqlite3)
        process.arguments = [folder.journal]
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data("BEGIN EXCLUSIVE; SELECT 'locked';\n".utf8))
        _ = try output.fileHandleForReading.read(upToCount: 6)
        let refusal = await error { try await store.renew(lease, at: Sample.now) }
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        guard case .unavailable(let text) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(text.contains("process \(process.processIdentifier) (sqlite3)"), "\(text)")
        try await store.renew(lease, at: Sample.now)
    }

    private static let sqlite3 = "/usr/bin/sqlite3"

    @Test func `nothing is written to a journal that was removed or replaced`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        let lease = try await Sample.lease(store)
        try FileManager.default.removeItem(atPath: folder.path + "/state")
        let removed = await error { try await store.renew(lease, at: Sample.now) }
        guard case .unavailable = removed else { Issue.record("\(String(describing: removed))"); return }
        _ = try await SQLiteRunStore(path: folder.journal)
        let replaced = await error { try await store.renew(lease, at: Sample.now) }
        guard case .unavailable = replaced else { Issue.record("\(String(describing: replaced))"); return }
    }

    @Test func `opening, reading and closing leave the files as they are`() async throws {
        let store = try await SQLiteRunStore(path: folder.journal)
        try await Sample.run("RUNA", entries: 3, in: store)
        // As a killed process leaves them: whoever closes them last could tidy up.
        let copy = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: folder.path + "/state", toPath: copy.path + "/state")
        let before = Self.contents(copy)
        do {
            let reader = try await SQLiteRunStore(path: copy.journal)
            let entries = try await reader.entries(of: RunID(rawValue: "RUNA"), after: 0)
            #expect(entries.count == 3)
        }
        let after = Self.contents(copy)
        #expect(before == after)
        #expect(before.allSatisfy { $0?.isEmpty == false })
    }

    private static func contents(_ folder: TemporaryFolder) -> [Data?] {
        [folder.journal, folder.journal + "-wal"].map { FileManager.default.contents(atPath: $0) }
    }
}
