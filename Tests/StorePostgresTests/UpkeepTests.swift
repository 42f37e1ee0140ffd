import DeployCore
import DeployPorts
import Foundation
import ServiceLab
import Synchronization
@testable import StorePostgres
import Testing

@testable import StoreLab

/// What the tables may be, and what is told of a database that is none for a journal.
@Suite(.realPostgres) struct UpkeepTests {
    @Test func `several that come first at once make the tables once`() async throws {
        let lab = try await PostgresLab()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...8 {
                group.addTask { _ = try await Sample.lease(try await lab.store(), on: "service \(number)") }
            }
            try await group.waitForAll()
        }
        #expect(try await lab.value("SELECT count(*) FROM bgdeploy.chain") == "1")
        #expect(try await lab.value("SELECT count(*) FROM bgdeploy.leases") == "8")
    }

    @Test func `what is remembered of runs does not grow with their number`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.lease(store)
        for number in 0..<(PostgresRunStore.memoryLimit + 20) {
            try await Sample.run("RUN\(number)", entries: 1, in: store, under: lease)
        }
        #expect(store.memories.withLock { $0.count } <= PostgresRunStore.memoryLimit)
        for number in [0, 5] {
            let entry = try await store.append(
                Sample.succeeded(1),
                effects: [],
                to: RunID(rawValue: "RUN\(number)"),
                lease: lease
            )
            #expect(entry.sequence == 2)
        }
    }

    @Test func `a later version's journal is not touched`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        try await lab.sql("UPDATE bgdeploy.chain SET format = 2")
        guard case .unreadable(let text) = await error(of: { _ = try await lab.store() }) else {
            Issue.record("opened")
            return
        }
        #expect(text.contains("written by a later version of bgdeploy"))
        let late = await error {
            _ = try await store.append(
                Sample.succeeded(1),
                effects: [],
                to: RunID(rawValue: "RUNA"),
                lease: lease
            )
        }
        guard case .unreadable = late else {
            Issue.record("a store opened before wrote on: \(String(describing: late))")
            return
        }
        #expect(try await lab.value("SELECT count(*) FROM bgdeploy.events") == "1")
    }

    @Test func `a wrong password is told at once, and without it`() async throws {
        let lab = try await PostgresLab()
        let secret = "s3cr3t-canary"
        let refusal = await error {
            _ = try await PostgresRunStore(url: lab.url(user: "guarded", password: secret))
        }
        guard case .unavailable(let text) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(text.contains("password authentication failed"), "\(text)")
        #expect(!text.contains(secret))
        for url in ["mysql://u:\(secret)@h/d", "postgresql://u:\(secret)@/@h", secret] {
            let bad = await error { _ = try await PostgresRunStore(url: url) }
            guard case .unavailable(let text) = bad else { Issue.record("\(url) was taken"); return }
            #expect(!text.contains(secret))
        }
    }

    @Test func `a user without rights is told what he needs`() async throws {
        let lab = try await PostgresLab()
        let url = lab.url(user: "guarded", password: PostgresServer.password)
        let refusal = await error { _ = try await PostgresRunStore(url: url) }
        guard case .unavailable(let text) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(text.contains("CREATE SCHEMA bgdeploy AUTHORIZATION"), "\(text)")
        try await lab.sql("CREATE SCHEMA bgdeploy AUTHORIZATION guarded")
        let store = try await PostgresRunStore(url: url)
        try await Sample.run("RUNA", entries: 2, in: store)
    }

    @Test func `of several hosts the one that takes writes is used`() async throws {
        let lab = try await PostgresLab()
        let nowhere = "/nowhere"
        let url = lab.url(host: "\(nowhere),\(lab.server.folder)")
        let store = try await PostgresRunStore(url: url)
        try await Sample.run("RUNA", entries: 2, in: store)
        // One that takes no writes is as none at all.
        try await lab.sql("ALTER DATABASE \(lab.database) SET default_transaction_read_only = on")
        guard case .unavailable(let text) = await error(of: { _ = try await lab.store() }) else {
            Issue.record("opened")
            return
        }
        #expect(text.contains("read-only"), "\(text)")
    }

    // MARK: the chain

    @Test func `the chain's hashes are those of a journal in a file`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        try await Sample.run("RUNA", entries: 2, in: store)
        let head = try await store.verify().head
        // As StoreSQLiteTests has it, of the same two entries.
        #expect(head == "d6d31dbef4bb54439c8ec7d2ec8a5ec5497db7693799f44051074d4ebd76096e")
    }

    @Test(arguments: [
        ("DELETE FROM events WHERE position = 3", "run RUNB, entry 1"),
        ("DELETE FROM events WHERE position = 6", "run RUNB, entry 2"),
        ("DELETE FROM events", "the beginning"),
        ("UPDATE events SET sequence = 9 WHERE position = 2", "run RUNA, entry 9"),
        ("UPDATE events SET fence = 9 WHERE position = 5", "run RUNB, entry 2"),
        ("UPDATE events SET at = at + 1 WHERE position = 5", "run RUNB, entry 2"),
        ("UPDATE events SET event = replace(event, '25 %', '95 %') WHERE position = 2", "run RUNA, entry 2"),
        ("UPDATE events SET effects = '[]' WHERE position = 2", "run RUNA, entry 2"),
        ("UPDATE events SET hash = previous WHERE position = 4", "run RUNB, entry 1"),
        (
            """
            INSERT INTO events SELECT position + 1, run, sequence + 1, at, fence, event, effects, hash, hash
            FROM events WHERE position = 6
            """, "run RUNB, entry 4"
        ),
        ("DELETE FROM runs WHERE id = 'RUNB'", "run RUNB, entry 1"),
        ("UPDATE runs SET service = 'other' WHERE id = 'RUNB'", "run RUNB, entry 1"),
        ("UPDATE documents SET text = text || ' '", "playbook"),
        ("DELETE FROM documents", "playbook"),
        ("UPDATE chain SET hash = 'a'", "run RUNB, entry 3"),
        ("UPDATE chain SET position = 5", "run RUNB, entry 2"),
        ("DELETE FROM chain", "run RUNB, entry 3"),
    ])
    func `what was removed, moved or changed is named`(tampering: String, place: String) async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 3, in: store)
        try await Sample.run("RUNB", entries: 3, in: store, under: lease)
        let whole = try await store.verify()
        #expect(whole.breach == nil && whole.entryCount == 6)
        try await lab.sql(
            "SET session_replication_role = replica; SET search_path = bgdeploy; \(tampering)"
        )
        let breach = try await store.verify().breach
        #expect(breach?.contains(place) == true, "\(breach ?? "nothing was found")")
    }

    @Test func `a journal that is longer than one answer is read and verified as a whole`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        for number in 1...1010 {
            _ = try await store.append(
                Sample.succeeded(number),
                effects: [],
                to: RunID(rawValue: "RUNA"),
                lease: lease
            )
        }
        let entries = try await store.entries(of: RunID(rawValue: "RUNA"), after: 5)
        #expect(entries.map(\.sequence) == Array(6...1011))
        let report = try await store.verify()
        #expect(report.breach == nil && report.entryCount == 1011)
        try await lab.sql("UPDATE bgdeploy.events SET at = at + 1 WHERE position = 1005")
        let breach = try await store.verify().breach
        #expect(breach?.contains("entry 1005") == true)
    }
}
