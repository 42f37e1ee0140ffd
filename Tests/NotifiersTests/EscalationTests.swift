import DeployCore
import DeployPorts
import DeployTestKit
import HTTPClient
import Testing
import ServiceLab

@testable import Notifiers

@Suite struct EscalationTests {
    private static let steps = [
        NoticeChannel.Escalation(after: .minutes(30), to: "lead"),
        NoticeChannel.Escalation(after: .minutes(60), to: "cto"),
    ]

    private static func bench(
        _ server: RawServer,
        _ kind: String = "webhook",
        on topics: [NoticeTopic] = [.waiting]
    ) async throws -> NoticeBench {
        let keys: [(String, String)] =
            kind == "webhook"
            ? [("webhook", server.url), ("secret", "${secret.KEY}")]
            : [("pagerduty", "${secret.KEY}"), ("url", server.url)]
        return try await NoticeBench(
            NoticeBook.one(kind, keys, on: topics, escalations: steps, secrets: ["secret.KEY": "k3y-k3y"])
        )
    }

    /// Delivers now and each minute for `span`; returns what came of it.
    private static func pass(_ span: Span, _ bench: NoticeBench) async throws -> Outbox.Round {
        var total = try await bench.outbox.deliver()
        for _ in 0..<span.milliseconds / 60_000 {
            bench.clock.advance(by: .minutes(1))
            let round = try await bench.outbox.deliver()
            total.delivered += round.delivered
            total.dropped += round.dropped
        }
        return total
    }

    private static func whom(_ server: RawServer) throws -> [JSONValue] {
        try server.requests.map { request in
            let body = try JSONDocument(Array(SentRequest(request).body.utf8))
            return (try? body.value(at: "escalated_to")) ?? .null
        }
    }

    @Test func `nobody acts: one after the other is told, in their time`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server)
            try await bench.enqueue()
            #expect(try await bench.waiting().count == 1)
            #expect(try await Self.pass(.minutes(29), bench).delivered == 1)
            #expect(try await Self.pass(.minutes(2), bench).delivered == 1)
            #expect(try await Self.pass(.minutes(27), bench).delivered == 0)
            #expect(try await Self.pass(.minutes(3), bench).delivered == 1)
            #expect(try Self.whom(server) == [.null, .string("lead"), .string("cto")])
            let title = try JSONDocument(Array(SentRequest(server.requests[1]).body.utf8)).value(at: "title")
            #expect(title == .string("[lead] still nobody: mina v2.5.0 waits for an approval"))
        }
    }

    @Test func `who acts spares the others, although the order was not enqueued yet`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server)
            try await bench.enqueue()
            _ = try await Self.pass(.minutes(5), bench)
            try await bench.append(.commanded(command: .pause, by: Actor("ana"), reason: nil))
            #expect(try await Self.pass(.minutes(90), bench) == Self.round(dropped: 2))
            #expect(server.requests.count == 1)
        }
    }

    @Test func `what bgdeploy orders itself spares nobody`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server)
            try await bench.enqueue()
            try await bench.append(.commanded(command: .pause, by: .bgdeploy, reason: nil))
            #expect(try await Self.pass(.minutes(90), bench).delivered == 3)
        }
    }

    @Test func `a run that has settled well, or that somebody has acknowledged, escalates no more`()
        async throws
    {
        for isAcknowledged in [true, false] {
            try await AnsweringServer.run([AnsweringServer.fine]) { server in
                let bench = try await Self.bench(server)
                try await bench.enqueue()
                _ = try await bench.outbox.deliver()
                if isAcknowledged {
                    try await bench.outbox.acknowledge(bench.run, by: Actor("ana"))
                } else {
                    let effect = 1
                    let failure = RunEvent.Kind.failed(effect: effect, reason: "late", traffic: .unchanged)
                    try await bench.append(failure)
                }
                #expect(try await Self.pass(.minutes(90), bench) == Self.round(dropped: 2))
            }
        }
    }

    @Test func `of two acknowledgements the later one counts`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server)
            try await bench.outbox.acknowledge(bench.run, by: Actor("ana"))
            bench.clock.advance(by: .minutes(1))
            try await bench.outbox.acknowledge(bench.run, by: Actor("bob"))
            #expect(try await bench.outbox.acknowledged(bench.run) == bench.clock.now())
        }
    }

    @Test func `an acknowledgement is of what was told before it`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server)
            try await bench.outbox.acknowledge(bench.run, by: Actor("ana"))
            try await bench.append(.commanded(command: .pause, by: .bgdeploy, reason: nil))
            try await bench.enqueue()
            let round = try await Self.pass(.minutes(90), bench)
            #expect(round.delivered == 4)
            #expect(round.dropped == 2)
        }
    }

    @Test func `an escalation does not hold up what is told after it`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await Self.bench(server, on: [.waiting, .switched])
            try await bench.goOn()
            try await bench.enqueue()
            #expect(try await bench.outbox.deliver().delivered == 2)
        }
    }

    @Test func `each escalation is an incident of its own at PagerDuty, and all are resolved`() async throws {
        try await AnsweringServer.run([AnsweringServer.status(202)]) { server in
            let bench = try await Self.bench(server, "pagerduty")
            try await bench.enqueue()
            _ = try await Self.pass(.minutes(31), bench)
            try await bench.goOn()
            try await bench.enqueue()
            _ = try await Self.pass(.minutes(90), bench)
            let events = try server.requests.map { request -> String in
                let body = try JSONDocument(Array(SentRequest(request).body.utf8))
                guard case .string(let action) = try body.value(at: "event_action"),
                    case .string(let key) = try body.value(at: "dedup_key")
                else { return "?" }
                return "\(action) \(key.split(separator: "/").dropFirst(2).joined())"
            }
            #expect(events.prefix(2) == ["trigger ", "trigger lead"])
            #expect(
                Set(events.dropFirst(2)) == [
                    "acknowledge ", "acknowledge lead", "acknowledge cto", "resolve ", "resolve lead",
                    "resolve cto",
                ]
            )
        }
    }

    @Test func `an escalation to a channel's name goes to that channel`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { first in
            try await AnsweringServer.run([AnsweringServer.fine]) { second in
                let escalations = [NoticeChannel.Escalation(after: .minutes(1), to: "boss")]
                let keys = { (server: RawServer) in [("webhook", server.url), ("secret", "${secret.KEY}")] }
                let one = try NoticeChannel.made(
                    "webhook",
                    keys(first),
                    on: [.waiting],
                    escalations: escalations
                )
                let other = try NoticeChannel.made("webhook", keys(second), on: [])
                let boss = NoticeChannel(name: "boss", notifier: other.notifier)
                let bench = try await NoticeBench(
                    NoticeBook(channels: [one, boss], values: Values(secrets: ["secret.KEY": "k3y"]))
                )
                try await bench.enqueue()
                #expect(try await Self.pass(.minutes(2), bench).delivered == 2)
                #expect(first.requests.count == 1)
                #expect(try Self.whom(second) == [.string("boss")])
            }
        }
    }

    private static func round(dropped: Int) -> Outbox.Round {
        var round = Outbox.Round()
        round.dropped = dropped
        return round
    }
}
