import Checks
import DeployCore
import DeployPorts
import Testing
import ServiceLab

@Suite struct HTTPStepTests {
    private func perform(
        _ text: String,
        at server: RawServer,
        plain: [String: String] = [:],
        secrets: [String: String] = [:],
        deadline: Span = .seconds(5)
    ) async throws -> StepResult {
        let step = try StepBench.make(HTTPStep.kind(), text, publicURL: "http://mina.test:\(server.port)")
        let urls = ["candidate.url": server.url, "stable.url": server.url + "/stable/"]
        let values = urls.merging(plain) { _, new in new }
        return try await step.perform(StepBench.attempt(values, secrets: secrets, deadline: deadline))
    }

    /// The failure's message with the port and the time taken out.
    private func failureMessage(
        _ text: String,
        at server: RawServer,
        plain: [String: String] = [:],
        secrets: [String: String] = [:],
        deadline: Span = .seconds(5)
    ) async throws -> String {
        let failure = await #expect(throws: StepFailure.self) {
            _ = try await perform(text, at: server, plain: plain, secrets: secrets, deadline: deadline)
        }
        return try #require(failure).message
            .replacing("\(server.port)", with: "PORT")
            .replacing(/<?\d+ ms/, with: "N ms")
    }

    @Test func `a failure shows request, answer and expectation side by side`() async throws {
        let body = #"{"status":"degraded","version":"v2.4.0"}"#
        try await RawServer.answering(StepBench.answer(body, status: "503 Service Unavailable")) { server in
            let text = """
                { get: /api/health, expect: { json: { status: healthy, version: "${version}" }, headers: { x-a: b } } }
                """
            let message = try await failureMessage(text, at: server, plain: ["version": "v2.5.0"])
            #expect(
                message == """
                    GET http://127.0.0.1:PORT/api/health answered 503 in N ms
                      expected  status 200..299
                      answered  503 Service Unavailable
                      expected  header x-a: b
                      answered  no such header
                      expected  json status "healthy"
                      answered  "degraded"
                      expected  json version "v2.5.0"
                      answered  "v2.4.0"
                      body      {"status":"degraded","version":"v2.4.0"}
                    """
            )
        }
    }

    @Test func `a failure shows what was sent, without its secrets`() async throws {
        try await RawServer.answering(StepBench.answer("{}", status: "409 Conflict")) { server in
            let message = try await failureMessage(
                "{ put: /x, json: { token: \"${secret.T}\", n: 5 } }",
                at: server,
                secrets: ["secret.T": "s3cr3t"]
            )
            #expect(
                message == """
                    PUT http://127.0.0.1:PORT/x answered 409 in N ms
                      sent      {"n":5,"token":"***"}
                      expected  status 200..299
                      answered  409 Conflict
                      body      {}
                    """
            )
        }
    }

    @Test func `a hostile body is cut short, escaped, and shows no secret`() async throws {
        let whole = "token s3cr3t\u{1B}[2J\n" + String(repeating: "x", count: 2000)
        try await RawServer.answering(StepBench.answer(whole, status: "500 \u{1B}]0;x")) { server in
            let message = try await failureMessage(
                "{ get: \"/x?t=${secret.T}\" }",
                at: server,
                secrets: ["secret.T": "s3cr3t"]
            )
            #expect(message.contains("answered  500 \\u{1B}]0;x"))
            #expect(message.contains("body      token ***\\u{1B}[2J\\nxxx"))
            #expect(message.contains("/x?t=*** answered"))
            #expect(message.utf8.count < 700)
        }
    }

    @Test func `a wrong content type and a page instead of JSON are named`() async throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        try await RawServer.answering(answer) { server in
            let text = "{ get: /x, expect: { headers: { content-type: application/json }, json: { a: 1 } } }"
            let message = try await failureMessage(text, at: server)
            #expect(
                message.contains("  expected  header content-type: application/json\n  answered  text/html\n")
            )
            #expect(
                message.contains(
                    "  expected  a JSON body\n  answered  not JSON: no value at byte 0 (text/html)\n"
                )
            )
        }
    }

    @Test func `a redirect fails and shows where it leads`() async throws {
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        try await RawServer.answering(answer) { server in
            let message = try await failureMessage("{ get: /x }", at: server)
            #expect(message.contains("  location  http://169.254.169.254/ (redirects are not followed)"))
            #expect(message.contains("  body      (empty)"))
        }
    }

    @Test func `a hanging server is told from a dead one`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let message = try await failureMessage("{ get: /x, expect: { within: 300ms } }", at: server)
            #expect(
                message
                    == "GET http://127.0.0.1:PORT/x: no answer within 300ms (connected after N ms, then nothing)"
            )
            let late = try await failureMessage("{ get: /x }", at: server, deadline: .milliseconds(400))
            #expect(late.contains("no answer within 400ms (connected after"))
        }
        let port = try RawServer.deadPort()
        let step = try StepBench.make(HTTPStep.kind(), "{ get: \"http://127.0.0.1:\(port)/x\" }")
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(
            failure?.message
                == "GET http://127.0.0.1:\(port)/x: connection refused (nothing listens on 127.0.0.1:\(port))"
        )
        #expect(failure?.isTransient == true)
    }

    @Test func `an answer as expected is captured from`() async throws {
        let body = #"{"session_id":12345678901234567890,"user":{"name":"Ana"},"ok":true}"#
        try await RawServer.answering(
            StepBench.answer(body, status: "201 Created", headers: "X-Left: 12\r\n")
        ) { server in
            let text = """
                { post: /api/sessions, json: { title: "Smoke ${version}", n: 5, t: "5", yes: true, l: [null, 1.50] },
                  bearer: "${secret.T}", headers: { X-Run: "${run}" },
                  expect: { status: [200, 201], json: { ok: true }, body: "Ana", headers: { x-left: "> 10" } },
                  capture: { id: session_id, who: user.name, fine: ok } }
                """
            let result = try await perform(
                text,
                at: server,
                plain: ["version": "v\"1", "run": "R1"],
                secrets: ["secret.T": "tok"]
            )
            #expect(result.captures == ["id": "12345678901234567890", "who": "Ana", "fine": "true"])
            #expect(result.summary.hasPrefix("201 in "))
            let sent = try #require(server.requests.first)
            #expect(sent.hasSuffix(#"{"l":[null,1.50],"n":5,"t":"5","title":"Smoke v\"1","yes":true}"#))
            #expect(sent.contains("Content-Type: application/json\r\n"))
            #expect(sent.contains("Authorization: Bearer tok\r\n"))
            #expect(sent.contains("X-Run: R1\r\n"))
        }
    }

    @Test func `what cannot be captured fails the step`() async throws {
        try await RawServer.answering(StepBench.answer(#"{"a":{}}"#)) { server in
            let message = try await failureMessage("{ get: /x, capture: { a: a } }", at: server)
            #expect(message.contains("  expected  json a to capture as a\n  answered  an object"))
            let missing = try await failureMessage("{ get: /x, capture: { a: b } }", at: server)
            #expect(missing.contains("  answered  the answer has no key `b`; it has a"))
        }
    }

    @Test func `a form is encoded, and values stay in their places`() async throws {
        try await RawServer.answering(StepBench.answer("{}")) { server in
            let plain = ["steps.s.id": "../a?b#c d/ä", "steps.s.q": "x&admin=1"]
            _ = try await perform(
                "{ post: \"/s/${steps.s.id}/end\", form: { q: \"${steps.s.q}\", \"a b\": 1 } }",
                at: server,
                plain: plain
            )
            let sent = try #require(server.requests.first)
            #expect(sent.hasPrefix("POST /s/..%2Fa%3Fb%23c%20d%2F%C3%A4/end HTTP/1.1\r\n"))
            #expect(sent.hasSuffix("\r\n\r\nq=x%26admin%3D1&a%20b=1"))
        }
    }

    @Test(arguments: [
        ("{ get: /x }", "/x", "127.0.0.1"), ("{ get: /x, via: stable }", "/stable/x", "127.0.0.1"),
        ("{ get: /x, via: balancer }", "/x", "mina.test"),
        ("{ get: \"${candidate.url}/y\" }", "/y", "127.0.0.1"),
    ])
    func `a path goes where via says`(text: String, path: String, host: String) async throws {
        try await RawServer.answering(StepBench.answer("{}")) { server in
            _ = try await perform(text, at: server)
            let sent = try #require(server.requests.first)
            #expect(sent.hasPrefix("GET \(path) HTTP/1.1\r\nHost: \(host):\(server.port)\r\n"))
        }
    }

    @Test func `a line break in a value cannot become a header`() async throws {
        try await RawServer.answering(StepBench.answer("{}")) { server in
            let message = try await failureMessage(
                "{ get: /x, headers: { X-A: \"${steps.s.a}\" } }",
                at: server,
                plain: ["steps.s.a": "1\r\nX-B: 2"]
            )
            #expect(message.contains("the header X-A has a line break or a control character in it"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `cookies are kept within a phase of a run and nowhere else`() async throws {
        let answer = StepBench.answer("{}", headers: "Set-Cookie: s=1; Path=/\r\n")
        try await RawServer.answering(answer) { server in
            let kind = HTTPStep.kind()
            let step = try StepBench.make(kind, "{ get: /x }")
            for (run, id) in [
                ("R1", "validate/1"), ("R1", "validate/2"), ("R1", "drain/1"), ("R2", "validate/1"),
            ] {
                let values = ["candidate.url": server.url]
                _ = try await step.perform(StepBench.attempt(values, run: run, step: id))
            }
            #expect(server.requests.map { $0.contains("Cookie: s=1") } == [false, true, false, false])
        }
    }

    @Test func `the pattern of a body takes values literally`() async throws {
        try await RawServer.answering(StepBench.answer("version v2.5.0")) { server in
            let text = "{ get: /x, expect: { body: \"^version ${version}$$\" } }".replacing("$$", with: "$")
            _ = try await perform(text, at: server, plain: ["version": "v2.5.0"])
            let message = try await failureMessage(text, at: server, plain: ["version": "v2.5.."])
            #expect(message.contains("  expected  body matching ^version ${version}$\n"))
        }
    }

    @Test func `a value that is missing is no reason to try again`() async throws {
        let step = try StepBench.make(HTTPStep.kind(), "{ get: /x }")
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(failure == StepFailure("${candidate.url} has no value here", isTransient: false))
    }
}
