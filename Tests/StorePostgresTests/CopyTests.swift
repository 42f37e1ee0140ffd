import DeployCore
import DeployPorts
import Foundation
import JournalFormat
import ServiceLab
import StorePostgres
import StoreSQLite
import Testing

@testable import StoreLab

@Suite(.realPostgres) struct CopyTests {
    private static let kind = Record.Kind(rawValue: "token")
    private static let other = Record.Kind(rawValue: "ü 'other'")

    /// Two runs of two services, an answered command and one that waits, documents; no lease is held.
    private func fill(_ store: some JournalArchive) async throws {
        for (run, service) in [("RUNA", "shop"), ("RUNB", "ü 'mail'")] {
            let lease = try await Sample.run(run, entries: 130, in: store, on: service)
            let command = PostedCommand(
                command: .rollback(gradual: true),
                by: Sample.actor,
                reason: "\u{0}\\ü\n",
                at: Sample.now
            )
            let first = try await store.post(command, to: RunID(rawValue: run))
            _ = try await store.post(command, to: RunID(rawValue: run))
            try await store.answer(first, refusal: nil, lease: lease)
            try await store.release(lease)
        }
        for number in 1...5 {
            let due = number % 2 == 0 ? Sample.now : nil
            _ = try await store.insert("{\"n\": \"ü\\u0000\"}\n", as: Self.kind, key: "\(number)", due: due)
        }
        _ = try await store.insert("", as: Self.other, key: "k", due: nil)
    }

    /// A copy goes on where the original stood.
    private func isTheSame(_ copy: some JournalArchive, as source: some JournalArchive) async throws {
        let (before, after) = (try await source.verify(), try await copy.verify())
        #expect(before == after && after.breach == nil && after.entryCount == 260)
        for run in ["RUNA", "RUNB"].map(RunID.init(rawValue:)) {
            let entries = try await source.entries(of: run, after: 0)
            let copied = try await copy.entries(of: run, after: 0)
            #expect(entries == copied)
            let (text, copiedText) = (try await source.playbook(of: run), try await copy.playbook(of: run))
            #expect(text == copiedText)
            let waiting = try await source.postedCommands(of: run)
            let copiedWaiting = try await copy.postedCommands(of: run)
            #expect(waiting == copiedWaiting && waiting.count == 1)
        }
        let (runs, copied) = (
            try await source.runs(of: nil, limit: 9), try await copy.runs(of: nil, limit: 9)
        )
        #expect(runs == copied)
        for kind in [Self.kind, Self.other] {
            let records = try await source.records(kind, after: "", limit: 9)
            let copiedRecords = try await copy.records(kind, after: "", limit: 9)
            #expect(records == copiedRecords && !records.isEmpty)
        }
    }

    private func goesOn(_ store: some JournalArchive) async throws {
        let run = RunID(rawValue: "RUNA")
        let last = try await store.lease(on: "shop")
        #expect(last == nil)
        let lease = try await Sample.lease(store)
        #expect(lease.fence == 2)
        let entry = try await store.append(Sample.succeeded(1), effects: [], to: run, lease: lease)
        #expect(entry.sequence == 131)
        let waiting = try await store.postedCommands(of: run)
        let id = try await store.post(try #require(waiting.first).posted, to: run)
        #expect(id > (try #require(waiting.first).id))
        let record = try await store.insert("1", as: Self.kind, key: "new", due: nil)
        let others = try await store.records(Self.kind, after: "", limit: 9).filter { $0 != record }
        let highest = others.map(\.revision).max()
        #expect(try #require(record).revision > (try #require(highest)))
        let report = try await store.verify()
        #expect(report.breach == nil && report.entryCount == 261)
    }

    @Test func `a journal is copied from a file to PostgreSQL and back, and goes on there`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let (here, there) = (try await PostgresLab(), try await PostgresLab())
        let file = try await SQLiteRunStore(path: "\(folder.path)/a.db")
        try await fill(file)
        let database = try await here.store()
        let report = try await copyJournal(from: file, to: database, at: Sample.now)
        #expect(report.entryCount == 260)
        try await isTheSame(database, as: file)
        let second = try await there.store()
        _ = try await copyJournal(from: database, to: second, at: Sample.now)
        try await isTheSame(second, as: file)
        let back = try await SQLiteRunStore(path: "\(folder.path)/b.db")
        _ = try await copyJournal(from: second, to: back, at: Sample.now)
        try await isTheSame(back, as: file)
        try await goesOn(back)
        try await goesOn(second)
    }

    @Test func `nothing is copied over another journal`() async throws {
        let lab = try await PostgresLab()
        let folder = try Folder()
        defer { folder.remove() }
        let file = try await SQLiteRunStore(path: "\(folder.path)/a.db")
        let database = try await lab.store()
        _ = try await file.insert("1", as: Self.kind, key: "a", due: nil)
        let lease = try await Sample.run("RUNA", entries: 2, in: database)
        try await database.release(lease)
        for refusal in [
            await error { _ = try await copyJournal(from: file, to: database, at: Sample.now) },
            await error { _ = try await copyJournal(from: database, to: file, at: Sample.now) },
        ] {
            guard case .unavailable(let text) = refusal else { Issue.record("it was copied"); return }
            #expect(text.contains("is not empty"), "\(text)")
        }
        let (entries, records) = (
            try await database.verify().entryCount, try await file.verify().entryCount
        )
        #expect(entries == 2 && records == 0)
        let copied = try await database.record(Self.kind, "a")
        #expect(copied == nil)
    }

    @Test func `nothing is copied while somebody holds a lease, or from a broken chain`() async throws {
        let lab = try await PostgresLab()
        let folder = try Folder()
        defer { folder.remove() }
        let (file, empty) = (
            try await SQLiteRunStore(path: "\(folder.path)/a.db"),
            try await SQLiteRunStore(path: "\(folder.path)/b.db")
        )
        let database = try await lab.store()
        let (first, second) = (
            try await Sample.run("RUNA", entries: 2, in: file),
            try await Sample.run("RUNA", entries: 2, in: database)
        )
        let held = await error { _ = try await copyJournal(from: file, to: empty, at: Sample.now) }
        #expect(held == .held(first))
        let heldThere = await error { _ = try await copyJournal(from: database, to: empty, at: Sample.now) }
        #expect(heldThere == .held(second))
        try await database.release(second)
        try await lab.sql("UPDATE bgdeploy.events SET fence = 9 WHERE position = 2")
        let broken = await error { _ = try await copyJournal(from: database, to: empty, at: Sample.now) }
        guard case .unreadable(let text) = broken else { Issue.record("it was copied"); return }
        #expect(text.contains("run RUNA, entry 2"))
        let count = try await empty.verify().entryCount
        #expect(count == 0)
    }
}
