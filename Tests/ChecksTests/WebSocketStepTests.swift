import Checks
import DeployCore
import DeployPorts
import Synchronization
import Testing
import ServiceLab

@Suite struct WebSocketStepTests {
    private func perform(
        _ text: String,
        at server: RawServer,
        plain: [String: String] = [:],
        secrets: [String: String] = [:],
        deadline: Span = .seconds(30)
    ) async throws -> StepResult {
        let kind = CheckKinds.named("websocket")
        let step = try StepBench.make(kind, text, publicURL: "http://mina.test:\(server.port)/app")
        let values = ["candidate.url": server.url].merging(plain) { _, new in new }
        return try await step.perform(StepBench.attempt(values, secrets: secrets, deadline: deadline))
    }

    /// The failure's message with the port and the times taken out.
    private func failureMessage(
        _ text: String,
        at server: RawServer,
        plain: [String: String] = [:],
        secrets: [String: String] = [:],
        deadline: Span = .seconds(30)
    ) async throws -> String {
        let failure = await #expect(throws: StepFailure.self) {
            _ = try await perform(text, at: server, plain: plain, secrets: secrets, deadline: deadline)
        }
        return try #require(failure).message
            .replacing("\(server.port)", with: "PORT")
            .replacing(/<?\d+ ms/, with: "N ms")
    }

    private static let echo: @Sendable (RawConnection) -> Void = { connection in
        connection.acceptWebSocket()
        connection.serveWebSocket { $0.contains("ping") ? #"{"type":"pong","n":5}"# : $0 }
    }

    @Test(arguments: [
        #"{ path: /ws, send: { type: ping, run: "${run}" }, expect: { type: pong, n: "> 4" }, within: 20s }"#,
        "{ path: /ws, send: \"hello ${run}\", expect: \"hello ${run}\" }",
        "{ path: /ws, send: [one, two], expect: two }",
        "{ path: /ws, send: \"version ${version}.\", match: \"^version ${version}[.]$\" }",
        "{ path: /ws, send: [\"ping\", { a: [1] }], expect: { \"a[0]\": 1 } }",
    ])
    func `what is said is answered as expected`(text: String) async throws {
        try await RawServer.behaving(Self.echo) { server in
            let plain = ["run": "R\"1", "version": "v2.5.0"]
            let result = try await perform(text, at: server, plain: plain)
            #expect(result.summary.hasPrefix("answered in "))
        }
    }

    @Test func `being open is enough when nothing is expected`() async throws {
        try await RawServer.behaving(Self.echo) { server in
            let summary = try await perform("{ path: /ws }", at: server).summary
            #expect(summary.hasPrefix("open in "))
        }
    }

    @Test func `a WebSocket only looks unless it says something`() throws {
        let kind = CheckKinds.named("websocket")
        #expect(try StepBench.make(kind, "{ path: /ws, match: a }").isReadOnly)
        #expect(try !StepBench.make(kind, "{ path: /ws, send: a }").isReadOnly)
        let many = try StepBench.make(kind, "{ url: \"wss://a/ws\", connections: 5 }")
        #expect(many.summary == "websocket wss://a/ws, 5 connections")
    }

    @Test func `the headers, the route and the sub-protocol are as they were asked for`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket(headers: "Sec-WebSocket-Protocol: mina.v2\r\n")
            connection.serveWebSocket()
        }) { server in
            let text = """
                { path: /ws, via: balancer, subprotocol: [mina.v1, mina.v2], headers: { X-Run: "${run}" },
                  basic: { user: ana, password: "${secret.P}" } }
                """
            _ = try await perform(text, at: server, plain: ["run": "R1"], secrets: ["secret.P": "p:w"])
            let url =
                "{ url: \"ws://127.0.0.1:\(server.port)/direct?x=1\", bearer: \"${secret.P}\", subprotocol: mina.v2 }"
            _ = try await perform(url, at: server, secrets: ["secret.P": "tok"])
            let sent = server.requests
            #expect(sent[0].hasPrefix("GET /app/ws HTTP/1.1\r\nHost: mina.test:\(server.port)\r\n"))
            #expect(sent[0].contains("\r\nSec-WebSocket-Protocol: mina.v1, mina.v2\r\n"))
            #expect(sent[0].contains("\r\nX-Run: R1\r\n"))
            #expect(sent[0].contains("\r\nAuthorization: Basic YW5hOnA6dw==\r\n"))
            #expect(sent[1].hasPrefix("GET /direct?x=1 HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
            #expect(sent[1].contains("\r\nAuthorization: Bearer tok\r\n"))
        }
    }

    @Test func `a failure shows what was sent, expected and received`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            connection.sendText("0{\"sid\":\"s3cr3t\"}")
            connection.sendText(#"{"type":"error","n":"\u001b[2J"}"#)
            connection.serveWebSocket { _ in nil }
        }) { server in
            let message = try await failureMessage(
                "{ path: \"/ws?t=${secret.T}\", send: { token: \"${secret.T}\" }, expect: { type: pong, n: 5 }, within: 1s }",
                at: server,
                secrets: ["secret.T": "s3cr3t"]
            )
            #expect(
                message == #"""
                    websocket ws://127.0.0.1:PORT/ws?t=***: no message as expected within 1s
                      sent      {"token":"***"}
                      expected  json type "pong"
                      answered  "error"
                      expected  json n 5
                      answered  the text "\u001b[2J"
                      received  0{"sid":"***"}
                      received  {"type":"error","n":"\u001b[2J"}
                    """#
            )
        }
    }

    @Test func `silence and a refusal are told apart`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            connection.hold()
        }) { server in
            let message = try await failureMessage(
                "{ path: /ws, match: \"^0\" }",
                at: server,
                deadline: .seconds(1)
            )
            #expect(
                message == """
                    websocket ws://127.0.0.1:PORT/ws: no message as expected within 1s
                      expected  a message matching ^0
                      received  nothing
                    """
            )
        }
        try await RawServer.answering("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nn\u{1B}pe") {
            server in
            let message = try await failureMessage("{ path: /ws, expect: a }", at: server)
            #expect(
                message == """
                    websocket ws://127.0.0.1:PORT/ws: the handshake was answered with status 404 Not Found
                      expected  status 101, Upgrade: websocket
                      answered  404 Not Found
                      body      n\\u{1B}pe
                    """
            )
        }
    }

    @Test func `of many connections so many must go well as is asked for`() async throws {
        let count = Mutex(0)
        let everyTenthFails: @Sendable (RawConnection) -> Void = { connection in
            let number = count.withLock { count in
                count += 1
                return count
            }
            guard number % 10 != 0 else {
                connection.readRequest()
                connection.send("HTTP/1.1 503 Service Unavailable\r\n\r\n")
                return
            }
            connection.acceptWebSocket()
            connection.serveWebSocket()
        }
        try await RawServer.behaving(everyTenthFails) { server in
            let text = "{ path: /ws, send: a, expect: a, connections: 20, success: 90% }"
            let summary = try await perform(text, at: server).summary
            #expect(summary.hasPrefix("18 of 20 connections answered, "))
            let strict = "{ path: /ws, send: a, expect: a, connections: 20, success: 90.1% }"
            let message = try await failureMessage(strict, at: server)
            #expect(
                message == """
                    websocket ws://127.0.0.1:PORT/ws: 18 of 20 connections went well, at least 90.1% must
                      2 ×  the handshake was answered with status 503 Service Unavailable
                      the first of them:
                      expected  status 101, Upgrade: websocket
                      answered  503 Service Unavailable
                      body      (empty)
                    """
            )
        }
    }

    @Test func `a value that is missing fails the step at once`() async throws {
        try await RawServer.behaving(Self.echo) { server in
            let message = try await failureMessage(
                "{ path: /ws, expect: { a: \"${steps.s.x}\" } }",
                at: server
            )
            #expect(message == "${steps.s.x} has no value here")
        }
    }

    @Test(arguments: [
        ("/ws", ["1:1: `websocket` must be a mapping of keys to values, found `/ws`"]),
        ("{ }", ["1:1: `websocket` needs the key `path` or `url`"]),
        ("{ path: /a, url: \"ws://b\" }", ["1:18: `websocket` takes one of `path` and `url`"]),
        ("{ path: ws }", ["1:9: `ws` is neither a path that begins with `/` nor an ws or wss URL"]),
        ("{ path: /a, expct: b }", ["1:13: `websocket` has no key `expct`; did you mean `expect`?"]),
        ("{ path: /a, expect: b, match: c }", ["1:31: `websocket` takes one of `expect` and `match`"]),
        (
            "{ path: /a, connections: 501 }",
            ["1:26: `connections` must be a whole number from 1 to 500, found `501`"]
        ),
        (
            "{ path: /a, success: 99, within: soon }",
            [
                "1:22: `success` must be a percentage from 0% to 100%, such as 25% or 0.1%, found `99`",
                "1:34: `within` must be a duration such as 250ms, 30s, 10m, 1h30m or 7d, found `soon`",
            ]
        ),
        ("{ path: /a, subprotocol: [a, \"b c\"] }", ["1:30: `b c` is not a subprotocol's name"]),
        ("{ path: /a, via: balancer }", ["1:18: `via: balancer` needs a `public_url` in the playbook"]),
        (
            "{ path: /a, expect: { a: \"> x\" } }",
            [
                "1:26: `expect.a`: `> x` compares with no number; a condition is written `< 100` or `!= 0`"
            ]
        ),
    ])
    func `mistakes are reported at their places`(text: String, messages: [String]) {
        let (action, found) = StepBench.decode(CheckKinds.named("websocket"), text)
        #expect(found == messages)
        #expect(action == nil)
    }
}
