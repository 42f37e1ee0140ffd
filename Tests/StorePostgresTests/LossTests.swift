import DeployCore
import DeployPorts
import Foundation
import PostgresClient
import ServiceLab
import StorePostgres
import Testing

@testable import StoreLab

/// Answers and statements that are lost, and servers that go away.
@Suite(.realPostgres) struct LossTests {
    private static let run = RunID(rawValue: "RUNA")
    private static let kind = Record.Kind(rawValue: "token")

    /// What a write does, and the text that only its statement has.
    enum Write: String, CaseIterable, Sendable {
        case open = "INSERT INTO bgdeploy.runs"
        case append = "UPDATE bgdeploy.runs"
        case acquire = "INSERT INTO bgdeploy.leases"
        case renew = "holder IS NOT NULL RETURNING 1"
        case release = "SET holder = NULL"
        case post = "INSERT INTO bgdeploy.commands"
        case answer = "SET answered = true, refusal"
        case insert = "INSERT INTO bgdeploy.records"
        case replace = "SET value = $3"
        case claim = "SKIP LOCKED"
    }

    enum Lost: CaseIterable, Sendable {
        case statement, answer

        func loss(of write: Write) -> PostgresProxy.Loss {
            switch self {
            case .statement: .statement(write.rawValue)
            case .answer: .answer(to: write.rawValue)
            }
        }
    }

    @Test(arguments: Write.allCases, Lost.allCases)
    func `a write is carried out once, whatever is lost of it`(write: Write, lost: Lost) async throws {
        let lab = try await PostgresLab()
        try await PostgresProxy.run(to: lab.server.folder, losing: lost.loss(of: write)) { folder, proxy in
            let store = try await lab.store(host: folder)
            let lease = try await Sample.run("RUNA", entries: 3, in: store)
            let command = PostedCommand(command: .pause, by: Sample.actor, reason: nil, at: Sample.now)
            let first = try await store.post(command, to: Self.run)
            let second = try await store.post(command, to: Self.run)
            #expect(second > first)
            try await store.answer(first, refusal: "", lease: lease)
            try await store.renew(lease, at: Sample.now.advanced(by: .seconds(5)))
            let record = try await store.insert("1", as: Self.kind, key: "a", due: Sample.now)
            let changed = try await store.replace(try #require(record), with: "2", due: Sample.now)
            let claimed = try await store.claim(
                Self.kind,
                dueAt: Sample.now,
                until: Sample.now.advanced(by: .seconds(60)),
                limit: 9
            )
            #expect(claimed.map(\.value) == ["2"])
            #expect(try #require(claimed.first).revision > (try #require(changed)).revision)
            try await store.release(lease)
            #expect(proxy.hasLost)
        }
        let store = try await lab.store()
        let report = try await store.verify()
        #expect(report.breach == nil && report.entryCount == 3)
        let waiting = try await store.postedCommands(of: Self.run)
        #expect(waiting.count == 1)
        #expect(try await lab.value("SELECT count(*) FROM bgdeploy.commands") == "2")
        let lease = try await store.lease(on: "shop")
        #expect(lease == nil)
        let next = try await Sample.lease(store)
        #expect(next.fence == 2)
        let record = try await store.record(Self.kind, "a")
        #expect(record?.due == Sample.now.advanced(by: .seconds(60)))
    }

    @Test(arguments: [PostgresProxy.Loss.statement("CREATE SCHEMA"), .answer(to: "CREATE SCHEMA")])
    func `tables whose making was lost are made by the next who comes`(loss: PostgresProxy.Loss) async throws
    {
        let lab = try await PostgresLab()
        try await PostgresProxy.run(to: lab.server.folder, losing: loss) { folder in
            let refusal = await error { _ = try await lab.store(host: folder) }
            guard case .unavailable = refusal else { Issue.record("nothing was lost"); return }
            try await Sample.run("RUNA", entries: 2, in: try await lab.store(host: folder))
        }
    }

    @Test func `a removal whose answer was lost says that it is not known who did it`() async throws {
        let lab = try await PostgresLab()
        for (lost, isKnown) in [
            (PostgresProxy.Loss.statement("DELETE FROM"), true), (.answer(to: "DELETE FROM"), false),
        ] {
            try await PostgresProxy.run(to: lab.server.folder, losing: lost) { folder in
                let store = try await lab.store(host: folder)
                let record = try #require(
                    try await store.insert("1", as: Self.kind, key: "a", due: nil)
                )
                let refusal = await error {
                    let isGone = try await store.remove(record)
                    #expect(isGone)
                }
                if isKnown {
                    #expect(refusal == nil)
                } else {
                    guard case .unavailable(let text) = refusal else { Issue.record("it was told"); return }
                    #expect(text.contains("it is not known whether it was carried out"), "\(text)")
                }
                let gone = try await store.record(Self.kind, "a")
                #expect(gone == nil)
            }
        }
    }

    @Test func `an entry of which nobody knows is found when it is appended again, and written once`()
        async throws
    {
        let lab = try await PostgresLab()
        let loss = PostgresProxy.Loss.server(after: Write.append.rawValue)
        try await PostgresProxy.run(to: lab.server.folder, losing: loss) { folder, proxy in
            let store = try await lab.store(host: folder)
            let lease = try await Sample.run("RUNA", entries: 1, in: store)
            let refusal = await error {
                _ = try await store.append(Sample.succeeded(1), effects: [], to: Self.run, lease: lease)
            }
            guard case .unavailable(let text) = refusal else {
                Issue.record("\(String(describing: refusal))")
                return
            }
            #expect(text.contains("it is not known whether it was carried out"), "\(text)")
            proxy.comeBack()
            let again = try await store.append(
                Sample.succeeded(1),
                effects: [],
                to: Self.run,
                lease: lease
            )
            #expect(again.sequence == 2)
            // The same once more is another entry: nobody is in doubt about the first.
            let more = try await store.append(Sample.succeeded(1), effects: [], to: Self.run, lease: lease)
            #expect(more.sequence == 3)
            let entries = try await store.entries(of: Self.run, after: 0)
            #expect(entries.map(\.sequence) == [1, 2, 3] && entries[1] == again)
        }
    }

    @Test func `connections that were ended are opened anew`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        for number in 1...3 {
            try await lab.sql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'bgdeploy%'
                """
            )
            let entry = try await store.append(
                Sample.succeeded(number),
                effects: [],
                to: Self.run,
                lease: lease
            )
            #expect(entry.sequence == number + 1)
            try await store.renew(lease, at: Sample.now)
            let read = try await store.entries(of: Self.run, after: number)
            #expect(read == [entry])
        }
    }

    @Test func `a server that is started again loses nothing`() async throws {
        let server = try await onThread { try PostgresServer() }
        defer { server.stop() }
        let store = try await PostgresRunStore(url: server.access.url())
        var lease = try await Sample.run("RUNA", entries: 1, in: store)
        for number in 1...3 {
            try server.restart()
            let entry = try await store.append(
                Sample.succeeded(number),
                effects: [],
                to: Self.run,
                lease: lease
            )
            #expect(entry.sequence == number + 1)
            try server.restart()
            try await store.renew(lease, at: Sample.now)
            try server.restart()
            try await store.release(lease)
            try server.restart()
            let next = try await Sample.lease(store)
            #expect(next.fence == lease.fence + 1)
            lease = next
        }
        let report = try await store.verify()
        #expect(report.breach == nil && report.entryCount == 4)
    }

    @Test func `a cancelled task still writes`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        let sequence = await withTaskGroup(of: Int?.self) { group in
            group.cancelAll()
            group.addTask {
                #expect(Task.isCancelled)
                let entry = try? await store.append(
                    Sample.succeeded(1),
                    effects: [],
                    to: Self.run,
                    lease: lease
                )
                try? await store.release(lease)
                return entry?.sequence
            }
            return await group.next() ?? nil
        }
        #expect(sequence == 2)
        let free = try await store.lease(on: "shop")
        #expect(free == nil)
    }
}
