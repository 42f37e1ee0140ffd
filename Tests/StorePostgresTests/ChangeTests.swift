import DeployCore
import DeployPorts
import Foundation
import JournalFormat
import ServiceLab
import StorePostgres
import StoreSQLite
import Testing

@testable import StoreLab

@Suite(.realPostgres, .timeLimit(.minutes(5))) struct ChangeTests {
    private static let run = RunID(rawValue: "RUNA")
    private static let kind = Record.Kind(rawValue: "token")

    @Test func `who listens is told of entries, commands, answers and documents of another process`()
        async throws
    {
        let lab = try await PostgresLab()
        let (store, other) = (try await lab.store(), try await lab.store())
        let lease = try await Sample.run("RUNA", entries: 1, in: other)
        var changes = store.changes().makeAsyncIterator()
        let first = await changes.next()
        #expect(first == .anything)
        _ = try await other.append(Sample.succeeded(1), effects: [], to: Self.run, lease: lease)
        let entry = await changes.next()
        #expect(entry == .run(Self.run))
        let command = PostedCommand(command: .pause, by: Sample.actor, reason: nil, at: Sample.now)
        let id = try await other.post(command, to: Self.run)
        let posted = await changes.next()
        #expect(posted == .run(Self.run))
        try await other.answer(id, refusal: nil, lease: lease)
        let answered = await changes.next()
        #expect(answered == .run(Self.run))
        let record = try await other.insert("1", as: Self.kind, key: "a", due: nil)
        let inserted = await changes.next()
        #expect(inserted == .record(Self.kind))
        _ = try await other.replace(try #require(record), with: "2", due: nil)
        let replaced = await changes.next()
        #expect(replaced == .record(Self.kind))
        try await Sample.run("RUNB", entries: 1, in: other, under: lease)
        let opened = await changes.next()
        #expect(opened == .run(RunID(rawValue: "RUNB")))
    }

    @Test func `a lost connection is a change, and the next ones are heard`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        var changes = store.changes().makeAsyncIterator()
        _ = await changes.next()
        for number in 1...2 {
            try await lab.sql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'bgdeploy listening'
                """
            )
            let again = await changes.next()
            #expect(again == .anything)
            _ = try await store.append(Sample.succeeded(number), effects: [], to: Self.run, lease: lease)
            let change = await changes.next()
            #expect(change == .run(Self.run))
        }
    }

    @Test func `listening ends with its task`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        await withTaskGroup(of: Int.self) { group in
            group.addTask {
                var count = 0
                for await _ in store.changes() { count += 1 }
                return count
            }
            group.addTask {
                for await _ in store.changes() { return 1 }
                return 0
            }
            let first = await group.next()
            #expect(first == 1)
            group.cancelAll()
            await group.waitForAll()
        }
        try await lab.wait(
            until: """
                SELECT count(*) = 0 FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'bgdeploy listening'
                """
        )
    }

    @Test func `who waits for a file is told when another process has written to it`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let path = "\(folder.path)/journal.db"
        let (store, other) = (try await SQLiteRunStore(path: path), try await SQLiteRunStore(path: path))
        var changes = store.changes().makeAsyncIterator()
        let first = await changes.next()
        #expect(first == .anything)
        for number in 1...3 {
            _ = try await other.insert("1", as: Self.kind, key: "\(number)", due: nil)
            let change = await changes.next()
            #expect(change == .anything)
        }
    }
}
