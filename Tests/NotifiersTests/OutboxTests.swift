import DeployCore
import DeployPorts
import DeployTestKit
import HTTPClient
import SafeFile
import ServiceLab
import Testing

@testable import Notifiers

@Suite struct OutboxTests {
    private static let secrets = ["secret.KEY": "k3y", "secret.SLACK": "http://127.0.0.1:1/never"]

    private static func webhook(
        _ server: RawServer,
        on topics: [NoticeTopic] = [.started]
    ) throws -> NoticeBook {
        try NoticeBook.one(
            "webhook",
            [("webhook", "\(server.url)/hook"), ("secret", "${secret.KEY}")],
            on: topics,
            secrets: secrets
        )
    }

    @Test func `a notice is told once, signed, and is then gone`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.webhook(server))
            try await bench.enqueue()
            #expect(try await bench.waiting().count == 1)
            #expect(try await bench.outbox.deliver().delivered == 1)
            try await bench.enqueue()
            #expect(try await bench.waiting().isEmpty)
            #expect(try await bench.outbox.deliver() == Outbox.Round())

            let request = SentRequest(try #require(server.requests.first))
            #expect(server.requests.count == 1)
            #expect(request.line == "POST /hook HTTP/1.1")
            #expect(request.headers["x-bgdeploy-delivery"] == "\(bench.run)/0/00000001/tell.started")
            let timestamp = try #require(request.headers["x-bgdeploy-timestamp"])
            #expect(timestamp == "\(bench.clock.now().milliseconds / 1000)")
            let signature = Digest.signature(of: "\(timestamp).\(request.body)", key: "k3y")
            #expect(request.headers["x-bgdeploy-signature"] == "v1=\(signature)")
            let body = try JSONDocument(Array(request.body.utf8))
            #expect(try body.value(at: "topic") == .string("started"))
            #expect(try body.value(at: "version") == .string("v2.5.0"))
            #expect(try body.value(at: "split.blue") == .number("100"))
            #expect(try body.value(at: "delivery") == .string("\(bench.run)/0/00000001/tell.started"))
        }
    }

    @Test func `after 500 the same delivery comes again, later each time`() async throws {
        try await AnsweringServer.run([
            AnsweringServer.status(500, body: "later"), AnsweringServer.status(503), AnsweringServer.fine,
        ]) { server in
            let bench = try await NoticeBench(Self.webhook(server))
            try await bench.enqueue()
            #expect(try await bench.outbox.deliver().failed == 1)
            let waiting = try #require(try await bench.waiting().first)
            #expect(waiting.attempts == 1)
            #expect(waiting.problem == "status 500: later")
            #expect(try await bench.outbox.deliver() == Outbox.Round())
            bench.clock.advance(by: .seconds(1))
            #expect(try await bench.outbox.deliver().failed == 1)
            bench.clock.advance(by: .seconds(1))
            #expect(try await bench.outbox.deliver() == Outbox.Round())
            bench.clock.advance(by: .seconds(1))
            #expect(try await bench.outbox.deliver().delivered == 1)
            let ids = server.requests.map { SentRequest($0).headers["x-bgdeploy-delivery"] }
            #expect(ids.count == 3)
            #expect(Set(ids).count == 1)
        }
    }

    @Test func `429 is heeded for as long as it asks, and an hour at most`() async throws {
        let answers = ["120", "7200", "-5"].map {
            AnsweringServer.status(429, headers: "Retry-After: \($0)\r\n")
        }
        try await AnsweringServer.run(answers) { server in
            let bench = try await NoticeBench(Self.webhook(server))
            try await bench.enqueue()
            for pause in [Span.seconds(120), .minutes(60), .seconds(4)] {
                _ = try await bench.outbox.deliver()
                let record = try #require(
                    bench.records.records(.notification, after: "", limit: 9).first
                )
                #expect(record.due?.since(bench.clock.now()) == pause)
                bench.clock.advance(by: record.due?.since(bench.clock.now()) ?? .zero)
            }
        }
    }

    @Test(arguments: [400, 401, 404, 302])
    func `another answer is final at once and kept`(status: Int) async throws {
        let answer = AnsweringServer.status(status, headers: "Location: http://127.0.0.1:1/\r\n")
        try await AnsweringServer.run([answer]) { server in
            let bench = try await NoticeBench(Self.webhook(server))
            try await bench.enqueue()
            #expect(try await bench.outbox.deliver().undelivered == 1)
            #expect(try await bench.waiting().isEmpty)
            let kept = try await bench.outbox.undelivered()
            #expect(kept.first?.problem?.hasPrefix("status \(status)") == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `after a day it is given up and kept, with the reason`() async throws {
        let port = try RawServer.deadPort()
        let book = try NoticeBook.one(
            "webhook",
            [("webhook", "http://127.0.0.1:\(port)/"), ("secret", "${secret.KEY}")],
            on: [.started],
            secrets: Self.secrets
        )
        let bench = try await NoticeBench(book)
        let start = bench.clock.now()
        try await bench.enqueue()
        var rounds = 0
        while try await bench.outbox.deliver().undelivered == 0, rounds < 1000 {
            rounds += 1
            let due = bench.records.records(.notification, after: "", limit: 1).first?.due
            bench.clock.advance(by: try #require(due).since(bench.clock.now()))
        }
        let time = bench.clock.now().since(start)
        #expect(time < Outbox.patience)
        #expect(time > .minutes(23 * 60))
        #expect(rounds < 200)
        #expect(try await bench.outbox.undelivered().first?.problem?.contains("refused") == true)
    }

    @Test func `who dies after sending has it told again, under the same identity`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.webhook(server))
            try await bench.enqueue()
            let book = bench.channels
            let dying = Outbox(
                records: ForgetfulRecords(records: bench.records),
                runs: bench.runs,
                clock: bench.clock
            ) { _ throws(BookUnavailable) in
                book
            }
            await #expect(throws: RunStoreError.unavailable("died")) { try await dying.deliver() }
            #expect(server.requests.count == 1)
            bench.clock.advance(by: .seconds(59))
            #expect(try await bench.outbox.deliver() == Outbox.Round())
            bench.clock.advance(by: .seconds(1))
            #expect(try await bench.outbox.deliver().delivered == 1)
            let ids = server.requests.map { SentRequest($0).headers["x-bgdeploy-delivery"] }
            #expect(ids.count == 2)
            #expect(Set(ids).count == 1)
        }
    }

    @Test func `however many wait, all of a run are found, and none of another`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.webhook(server, on: [.started]))
            try await bench.enqueue()
            let first = try #require(bench.records.records(.notification, after: "", limit: 1).first)
            for number in 1...450 {
                let other = "01JD00000000000000000000AB"
                for run in [bench.run.rawValue, other] {
                    let key = "\(run)/1/\(number)"
                    _ = bench.records.insert(first.value, as: .notification, key: key, due: first.due)
                }
            }
            #expect(try await bench.waiting().count == 451)
            #expect(try await bench.outbox.waiting().count == 901)
        }
    }

    @Test func `a resumed process puts in what a dead one did not, and nothing twice`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(
                Self.webhook(server, on: [.started, .waiting, .switched, .succeeded])
            )
            try await bench.enqueue()
            try await bench.goOn()
            // One that died between its notices and its word that they are in.
            let known = try #require(bench.records.record(.noticed, bench.run.rawValue))
            try await bench.enqueue()
            let raised = try #require(bench.records.record(.noticed, bench.run.rawValue))
            _ = bench.records.replace(raised, with: known.value, due: nil)
            try await bench.enqueue()
            let topics = try await bench.waiting().map(\.notice.topic.rawValue)
            #expect(topics == ["started", "waiting", "switched", "succeeded"])
            #expect(try await bench.outbox.deliver().delivered == 4)
            let told = try server.requests.map {
                try JSONDocument(Array(SentRequest($0).body.utf8)).value(at: "topic")
            }
            #expect(told == topics.map { .string($0) })
        }
    }

    @Test func `two processes tell each notice once`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.webhook(server, on: NoticeTopic.named))
            try await bench.goOn()
            try await bench.enqueue()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try? await bench.outbox.deliver() } }
            }
            #expect(try await bench.waiting().isEmpty)
            #expect(server.requests.count == 4)
        }
    }

    @Test func `within a run and channel the order is kept, and no other channel waits`() async throws {
        try await AnsweringServer.run([AnsweringServer.status(500), AnsweringServer.fine]) { bad in
            try await AnsweringServer.run([AnsweringServer.fine]) { good in
                let topics: [NoticeTopic] = [.started, .switched, .succeeded]
                let channels = try [bad, good].flatMap { try Self.webhook($0, on: topics).channels }
                let bench = try await NoticeBench(
                    NoticeBook(channels: channels, values: Values(secrets: Self.secrets))
                )
                try await bench.goOn()
                try await bench.enqueue()
                let round = try await bench.outbox.deliver()
                #expect((round.delivered, round.failed) == (3, 1))
                #expect(bad.requests.count == 1)
                while try await !bench.waiting().isEmpty {
                    bench.clock.advance(by: .seconds(1))
                    _ = try await bench.outbox.deliver()
                }
                let told = try bad.requests.dropFirst().map {
                    try JSONDocument(Array(SentRequest($0).body.utf8)).value(at: "topic")
                }
                #expect(told == [.string("started"), .string("switched"), .string("succeeded")])
            }
        }
    }

    @Test func `a channel that hangs is left in ten seconds and holds nobody else up`() async throws {
        try await RawServer.behaving({ $0.hold() }) { bad in
            try await AnsweringServer.run([AnsweringServer.fine]) { good in
                let channels = try [bad, good].flatMap { try Self.webhook($0).channels }
                let bench = try await NoticeBench(
                    NoticeBook(channels: channels, values: Values(secrets: Self.secrets))
                )
                try await bench.enqueue()
                let begin = ContinuousClock.now
                let round = try await bench.outbox.deliver()
                #expect((round.delivered, round.failed) == (1, 1))
                #expect(ContinuousClock.now - begin < .seconds(30))
                #expect(
                    try await bench.waiting().first?.problem?.contains("no answer within 10000 ms") == true
                )
            }
        }
    }

    @Test func `a certificate that nobody vouches for gets no notice`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let server = try await onThread {
            try TLSServer(try TestCertificate(days: 2, in: folder), in: folder)
        }
        defer { server.stop() }
        let book = try NoticeBook.one(
            "webhook",
            [("webhook", "https://127.0.0.1:\(server.port)/"), ("secret", "${secret.KEY}")],
            on: [.started],
            secrets: Self.secrets
        )
        let bench = try await NoticeBench(book)
        try await bench.enqueue()
        #expect(try await bench.outbox.deliver().failed == 1)
        let problem = try #require(try await bench.waiting().first?.problem)
        #expect(problem.contains("certificate is not trusted"), "\(problem)")
    }

    @Test func `no secret is in a record, an error or a body, whoever brings it in`() async throws {
        let canary = NoticeBench.canary
        let echo = AnsweringServer.status(500, body: "you sent \(canary) to /services/canary-5ecret")
        try await AnsweringServer.run([echo, AnsweringServer.status(400, body: canary)]) { server in
            let book = try NoticeBook.one(
                "slack",
                [("slack", "${secret.SLACK}")],
                on: [.rolledBack],
                secrets: ["secret.SLACK": "\(server.url)/services/canary-5ecret"]
            )
            let bench = try await NoticeBench(book)
            try await bench.goBack(reason: "the app said \(canary)")
            try await bench.enqueue()
            #expect(try await bench.outbox.deliver().failed == 1)
            let record = try #require(bench.records.records(.notification, after: "", limit: 9).first)
            let kept = try #require(OutboxRecord(record))
            #expect(kept.problem == "status 500: you sent *** to /***")
            #expect(kept.references == ["secret.SLACK"])
            #expect(!record.value.contains(server.url))
            let told = try Self.escaped(canary)
            #expect(server.requests.allSatisfy { !SentRequest($0).body.contains(told) })
            bench.clock.advance(by: .seconds(1))
            #expect(try await bench.outbox.deliver().undelivered == 1)
            #expect(try await bench.outbox.undelivered().first?.problem == "status 400: ***")
        }
    }

    /// What every later version must read and write: the outbox outlives the program that filled it.
    @Test func `a record reads as it did when it was new`() throws {
        let text = #"""
            {"act":"tell","attempts":2,"channel":"1","due":{"milliseconds":1767225601000},"escalatedTo":"lead",\#
            "name":"pager","notice":{"at":{"milliseconds":1767225601000},"candidate":"green","detail":"why",\#
            "rank":0,"run":"01JD","runStartedAt":{"milliseconds":1767225600000},"sequence":7,"service":"mina",\#
            "split":{"environment":"green","other":"blue","share":{"tenths":250}},"stable":"blue",\#
            "title":"P0","topic":"severity:P0","version":"v2.5.0"},"problem":"status 500",\#
            "references":["secret.KEY"]}
            """#
        let record = Record(kind: .notification, key: "k", value: text, due: nil, revision: 1)
        let read = try #require(OutboxRecord(record))
        #expect(read.text == text)
        #expect(read.key == "01JD/1/00000007/tell.severity:P0.lead")
    }

    private static func escaped(_ text: String) throws -> String {
        String(JSONValue.string(text).text.dropFirst().dropLast())
    }
}

/// The records of a process that dies before it can take one out.
private struct ForgetfulRecords: RecordStore {
    let records: MemoryRecords

    func insert(
        _ value: String,
        as kind: Record.Kind,
        key: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> Record? {
        records.insert(value, as: kind, key: key, due: due)
    }

    func record(_ kind: Record.Kind, _ key: String) async throws(RunStoreError) -> Record? {
        records.record(kind, key)
    }

    func records(_ kind: Record.Kind, after key: String, limit: Int) async throws(RunStoreError) -> [Record] {
        records.records(kind, after: key, limit: limit)
    }

    func replace(_ record: Record, with value: String, due: Timestamp?) async throws(RunStoreError) -> Record?
    {
        throw .unavailable("died")
    }

    func remove(_ record: Record) async throws(RunStoreError) -> Bool { throw .unavailable("died") }

    func claim(
        _ kind: Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) async throws(RunStoreError) -> [Record] {
        records.claim(kind, dueAt: now, until: until, limit: limit)
    }
}
