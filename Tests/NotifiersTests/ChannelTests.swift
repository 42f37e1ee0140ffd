import DeployCore
import DeployPorts
import DeployTestKit
import HTTPClient
import Synchronization
import Testing
import ServiceLab

@testable import Notifiers

@Suite struct ChannelTests {
    private static let secrets = ["secret.KEY": "k3y-k3y"]

    /// Everything that `book`'s channel is sent of what `story` does, in order.
    private static func told(
        _ book: NoticeBook,
        by story: (NoticeBench) async throws -> Void
    ) async throws {
        let bench = try await NoticeBench(book)
        try await story(bench)
        try await bench.enqueue()
        for _ in 0..<100 where try await !bench.waiting().isEmpty {
            _ = try await bench.outbox.deliver()
            bench.clock.advance(by: .seconds(1))
        }
        #expect(try await bench.waiting().isEmpty)
        #expect(try await bench.outbox.undelivered().map(\.problem) == [])
    }

    private static func bodies(_ server: RawServer) throws -> [JSONDocument] {
        try server.requests.map { try JSONDocument(Array(SentRequest($0).body.utf8)) }
    }

    @Test func `Slack gets blocks, plain text, and no call to everybody`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let book = try NoticeBook.one(
                "slack",
                [("slack", "${secret.SLACK}")],
                on: [.rolledBack],
                secrets: ["secret.SLACK": "\(server.url)/services/T/B/x"]
            )
            try await Self.told(book) { try await $0.goBack(reason: "<!channel> & 5 > 3") }
            let body = try #require(try Self.bodies(server).first)
            #expect(
                try body.value(at: "text")
                    == .string(
                        "mina v2.5.0 was rolled back; blue has all traffic\n&lt;!channel&gt; &amp; 5 &gt; 3"
                    )
            )
            #expect(
                try body.value(at: "blocks[0].text.text")
                    == .string(":x: *mina v2.5.0 was rolled back; blue has all traffic*")
            )
            #expect(try body.value(at: "blocks[1].text.text") == .string("&lt;!channel&gt; &amp; 5 &gt; 3"))
            #expect(try body.value(at: "blocks[2].type") == .string("context"))
            #expect(SentRequest(server.requests[0]).line == "POST /services/T/B/x HTTP/1.1")
        }
    }

    private static func pager(
        _ server: RawServer,
        on topics: [NoticeTopic],
        escalations: [NoticeChannel.Escalation] = []
    ) throws -> NoticeBook {
        try NoticeBook.one(
            "pagerduty",
            [("pagerduty", "${secret.KEY}"), ("url", server.url)],
            on: topics,
            escalations: escalations,
            secrets: secrets
        )
    }

    private static func events(_ server: RawServer) throws -> [String] {
        try bodies(server).map { body in
            guard case .string(let action) = try body.value(at: "event_action"),
                case .string(let key) = try body.value(at: "dedup_key")
            else { return "?" }
            return "\(action) \(key.split(separator: "/").dropFirst(2).joined())"
        }
    }

    @Test func `PagerDuty is triggered, told that somebody acts, and resolved when the run is well`()
        async throws
    {
        try await AnsweringServer.run([AnsweringServer.status(202)]) { server in
            try await Self.told(Self.pager(server, on: [.waiting])) { try await $0.goOn() }
            #expect(try Self.events(server) == ["trigger ", "acknowledge ", "resolve "])
            let body = try #require(try Self.bodies(server).first)
            #expect(try body.value(at: "routing_key") == .string("k3y-k3y"))
            #expect(try body.value(at: "payload.severity") == .string("warning"))
            #expect(try body.value(at: "payload.summary") == .string("mina v2.5.0 waits for an approval"))
            #expect(try body.value(at: "payload.custom_details.version") == .string("v2.5.0"))
            #expect(SentRequest(server.requests[0]).line == "POST /v2/enqueue HTTP/1.1")
        }
    }

    @Test func `what was never triggered is not resolved, and a rollback that pages stays open`() async throws
    {
        try await AnsweringServer.run([AnsweringServer.status(202)]) { server in
            try await Self.told(Self.pager(server, on: [.rollbackFailed])) { try await $0.goOn() }
            #expect(try Self.events(server) == [])
            try await Self.told(Self.pager(server, on: [.waiting, .rolledBack])) {
                try await $0.goBack(reason: "bad")
            }
            #expect(try Self.events(server) == ["trigger ", "acknowledge ", "trigger "])
        }
    }

    @Test func `severities come with PagerDuty's words`() async throws {
        try await AnsweringServer.run([AnsweringServer.status(202)]) { server in
            var book = try Self.pager(server, on: [.severity("P0"), .severity("P1"), .severity("P2")])
            let grades = NoticeGrades(names: ["P0", "P1", "P2"]) { rate, _ in
                rate > 0.05 ? "P0" : rate > 0.03 ? "P1" : "P2"
            }
            book = NoticeBook(channels: book.channels, grades: grades, values: book.values)
            try await Self.told(book) { bench in
                for rate in ["0.02", "0.04", "0.06"] {
                    let facts = ["candidate.error_rate": rate, "candidate.requests_per_second": "9"]
                    try await bench.append(.noted(note: Note(topic: "traffic", text: "x", facts: facts)))
                }
            }
            let severities = try Self.bodies(server).map { try $0.value(at: "payload.severity") }
            #expect(severities == [.string("warning"), .string("error"), .string("critical")])
        }
    }

    @Test func `a status page has one incident a run, opened, updated and resolved`() async throws {
        let page = FakePage()
        try await RawServer.behaving({ page.answer($0) }) { server in
            let book = try NoticeBook.one(
                "status_page",
                [("status_page", "p4ge"), ("token", "${secret.KEY}"), ("url", server.url)],
                on: [.waiting, .switched],
                secrets: Self.secrets
            )
            try await Self.told(book) { try await $0.goOn() }
            #expect(
                page.calls == [
                    "POST monitoring", "PATCH inc1 monitoring", "PATCH inc1 resolved",
                ]
            )
            #expect(
                server.requests.allSatisfy { SentRequest($0).headers["authorization"] == "OAuth k3y-k3y" }
            )
            let again = NoticeDelivery(
                id: "again",
                act: .resolve,
                notice: Self.notice,
                sentAt: Timestamp(milliseconds: 0)
            )
            try await book.channels[0].notifier.send(again, values: book.values)
            #expect(page.calls.count == 3)
        }
    }

    private static let notice = Notice(
        run: RunID(rawValue: "R"),
        sequence: 9,
        topic: .succeeded,
        at: Timestamp(milliseconds: 0),
        runStartedAt: Timestamp(milliseconds: 0),
        plan: NoticeBench.plan,
        split: NoticeBench.plan.split(candidate: .full),
        title: "mina v2.5.0 is live on green"
    )

    @Test func `Grafana gets the run's time and its tags`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let book = try NoticeBook.one(
                "grafana",
                [("grafana", server.url), ("token", "${secret.KEY}"), ("tags", "team:${version}")],
                on: [.switched, .succeeded],
                secrets: Self.secrets
            )
            try await Self.told(book) { try await $0.goOn() }
            let bodies = try Self.bodies(server)
            #expect(bodies.count == 2)
            let moment = try #require(bodies.first)
            #expect(try moment.value(at: "time") == moment.value(at: "timeEnd"))
            let whole = try #require(bodies.last)
            #expect(try whole.value(at: "time") == .number("\(manualStart.milliseconds)"))
            #expect(
                try whole.value(at: "tags")
                    == .array(
                        ["bgdeploy", "service:mina", "version:v2.5.0", "succeeded", "team:v2.5.0"].map {
                            .string($0)
                        }
                    )
            )
            let first = SentRequest(server.requests[0])
            #expect(first.line == "POST /api/annotations HTTP/1.1")
            #expect(first.headers["authorization"] == "Bearer k3y-k3y")
        }
    }

    @Test func `Sentry gets a release and its deployment`() async throws {
        try await AnsweringServer.run([AnsweringServer.status(201), AnsweringServer.status(201)]) { server in
            let book = try NoticeBook.one(
                "sentry",
                [
                    ("sentry", "acme"), ("projects", "mina"), ("token", "${secret.KEY}"), ("url", server.url),
                    ("release", "mina@${version}+1"),
                ],
                on: [.succeeded],
                secrets: Self.secrets
            )
            try await Self.told(book) { try await $0.goOn() }
            let lines = server.requests.map { SentRequest($0).line }
            #expect(
                lines == [
                    "POST /api/0/organizations/acme/releases/ HTTP/1.1",
                    "POST /api/0/organizations/acme/releases/mina@v2.5.0%2B1/deploys/ HTTP/1.1",
                ]
            )
            let bodies = try Self.bodies(server)
            #expect(try bodies[0].value(at: "version") == .string("mina@v2.5.0+1"))
            #expect(try bodies[0].value(at: "projects") == .array([.string("mina")]))
            #expect(try bodies[1].value(at: "environment") == .string("production"))
            #expect(try bodies[1].value(at: "dateStarted") == .string("2026-01-01T00:00:00Z"))
        }
    }

    @Test(arguments: [
        ("slack", [("slack", "https://hooks.slack.com/services/x")], "`slack` gives access"),
        ("pagerduty", [("pagerduty", "R0UTING")], "`pagerduty` gives access"),
        ("webhook", [("webhook", "http://example.org"), ("secret", "${secret.A}")], "https://"),
        ("webhook", [("webhook", "http://127.0.0.1.example.org"), ("secret", "${secret.A}")], "https://"),
        ("webhook", [("webhook", "https://example.org")], "needs the key `secret`"),
        ("grafana", [("grafana", "ftp://x"), ("token", "${secret.A}")], "https://"),
        ("email", [("email", "a b@c"), ("from", "a@b"), ("smtp", "smtp://h:25")], "not an address"),
        ("email", [("email", "a@c"), ("from", "a@b"), ("smtp", "smtp://u:p@h:25")], "`smtp` must be"),
        ("sentry", [("sentry", "a"), ("token", "${secret.A}")], "needs the key `projects`"),
    ])
    func `what cannot be told safely is a mistake of the playbook`(
        kind: String,
        keys: [(String, String)],
        words: String
    ) {
        let error = #expect(throws: NoticeChannel.Unreadable.self) {
            try NoticeChannel.made(kind, keys, on: [])
        }
        #expect(error?.messages.contains { $0.contains(words) } == true, "\(String(describing: error))")
    }

    @Test func `a value cannot lead to plain http elsewhere either`() async throws {
        let book = try NoticeBook.one(
            "slack",
            [("slack", "${secret.SLACK}")],
            on: [.started],
            secrets: ["secret.SLACK": "http://slack.example.org/services/x"]
        )
        let bench = try await NoticeBench(book)
        try await bench.enqueue()
        #expect(try await bench.outbox.deliver().undelivered == 1)
        let problem = try await bench.outbox.undelivered().first?.problem
        #expect(problem?.contains("must begin with https://") == true)
    }
}

private let manualStart = Timestamp(milliseconds: 1_767_225_600_000)

/// A page of Statuspage that knows its incidents.
private final class FakePage: Sendable {
    private struct State {
        var calls: [String] = []
        /// By identity: the run, while it is open.
        var open: [String: JSONValue] = [:]
    }

    private let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }

    func answer(_ connection: RawConnection) {
        let request = SentRequest(connection.readRequest())
        let parts = request.line.split(separator: " ").map(String.init)
        let place = parts.count > 1 ? parts[1] : ""
        guard place.hasPrefix("/v1/pages/p4ge/incidents") else {
            connection.send(AnsweringServer.status(404))
            return
        }
        let answer = state.withLock { state -> JSONValue in
            if place.hasSuffix("/unresolved") {
                return .array(
                    state.open.map { id, metadata in .object(["id": .string(id), "metadata": metadata]) }
                )
            }
            guard let body = try? JSONDocument(Array(request.body.utf8)),
                case .string(let status)? = try? body.value(at: "incident.status"),
                let metadata = try? body.value(at: "incident.metadata")
            else { return .null }
            let isNew = parts[0] == "POST"
            let id =
                isNew ? "inc\(state.open.count + 1)" : place.split(separator: "/").last.map(String.init) ?? ""
            state.open[id] = status == "resolved" ? nil : metadata
            state.calls.append(isNew ? "POST \(status)" : "PATCH \(id) \(status)")
            return .object(["id": .string(id)])
        }
        connection.send(AnsweringServer.status(200, body: answer.text))
    }
}
