import Checks
import DeployCore
import DeployPorts
import Testing
import ServiceLab

/// The key `login` of an `http` step.
@Suite struct HTTPLoginTests {
    private static let drain = """
        { post: /admin/drain, login: { post: /login, form: { user: "${secret.USER}", password: "${secret.PASS}" } } }
        """
    private static let secrets = ["secret.USER": "ana", "secret.PASS": "p&ss=wörd"]

    private func perform(_ text: String, at server: RawServer, deadline: Span = .seconds(5)) async throws {
        let step = try StepBench.make(HTTPStep.kind(), text)
        let plain = ["candidate.url": server.url, "stable.url": server.url + "/stable"]
        _ = try await step.perform(StepBench.attempt(plain, secrets: Self.secrets, deadline: deadline))
    }

    private func failure(_ text: String, at server: RawServer) async throws -> StepFailure {
        let failure = await #expect(throws: StepFailure.self) { try await perform(text, at: server) }
        return try #require(failure)
    }

    private func lines(_ server: RawServer) -> [String] {
        server.requests.map { String($0.prefix { $0 != "\r\n" }) }
    }

    @Test func `the login comes first, and its cookies go with the request`() async throws {
        let answer = StepBench.answer("", status: "303 See Other", headers: "Set-Cookie: sid=7; Path=/\r\n")
        try await RawServer.answering(answer) { server in
            try await perform(
                String(Self.drain.dropLast(2)) + ", expect: { status: 303 } }",
                at: server
            )
            #expect(lines(server) == ["POST /login HTTP/1.1", "POST /admin/drain HTTP/1.1"])
            let login = try #require(server.requests.first)
            let drain = try #require(server.requests.last)
            #expect(login.contains("user=ana&password=p%26ss%3Dw%C3%B6rd"))
            #expect(login.contains("application/x-www-form-urlencoded") && !login.contains("Cookie: "))
            #expect(drain.contains("Cookie: sid=7") && !drain.contains("password"))
        }
    }

    @Test func `the login goes where the request goes unless it says so`() async throws {
        try await RawServer.answering(StepBench.answer("{}")) { server in
            try await perform("{ get: /a, via: stable, login: { post: /in, json: {} } }", at: server)
            try await perform("{ get: /a, via: stable, login: { get: /in, via: candidate } }", at: server)
            #expect(
                lines(server) == [
                    "POST /stable/in HTTP/1.1", "GET /stable/a HTTP/1.1", "GET /in HTTP/1.1",
                    "GET /stable/a HTTP/1.1",
                ]
            )
        }
    }

    @Test func `without a login nothing else is sent, and no secret is told`() async throws {
        let answer = StepBench.answer(#"{"user":"ana"}"#, status: "401 Unauthorized")
        try await RawServer.answering(answer) { server in
            let failure = try await failure(Self.drain, at: server)
            let expected = """
                the login failed, and POST /admin/drain was not sent
                POST \(server.url)/login answered 401 in
                """
            #expect(failure.message.hasPrefix(expected), "\(failure.message)")
            #expect(failure.message.contains("expected  status 200..399"))
            #expect(!failure.message.contains("ana") && !failure.message.contains("p%26ss"))
            #expect(lines(server) == ["POST /login HTTP/1.1"])
        }
    }

    @Test func `what the login expects decides`() async throws {
        try await RawServer.answering(StepBench.answer(#"{"ok":false}"#)) { server in
            let text = "{ get: /a, login: { post: /in, expect: { json: { ok: true } } } }"
            let first = try await failure(text, at: server)
            #expect(first.message.contains("json ok true"))
            let status = "{ get: /a, login: { post: /in, expect: { status: 302 } } }"
            let second = try await failure(status, at: server)
            #expect(second.message.contains("status 302"))
            #expect(lines(server) == ["POST /in HTTP/1.1", "POST /in HTTP/1.1"])
        }
    }

    @Test func `a login that never answers is told as that, within the step's time`() async throws {
        try await RawServer.behaving({ connection in
            connection.readRequest()
            // Until the client gives up.
            connection.readRequest()
        }) { server in
            let thrown = await #expect(throws: StepFailure.self) {
                try await perform(Self.drain, at: server, deadline: .milliseconds(300))
            }
            let failure = try #require(thrown)
            #expect(failure.message.hasPrefix("the login failed, and POST /admin/drain was not sent"))
            #expect(failure.message.contains("no answer within 300ms") && failure.isTransient)
            #expect(lines(server).filter { $0.contains("drain") } == [])
        }
    }

    @Test func `its values count as the step's, and its mistakes have their places`() throws {
        let step = try StepBench.make(HTTPStep.kind(), Self.drain)
        #expect(Set(step.references.map(\.name)) == ["secret.USER", "secret.PASS"])
        for (text, complaint) in [
            ("{ get: /a, login: { form: { a: b } } }", "`login` needs one of"),
            ("{ get: /a, login: { get: /b, form: { a: b } } }", "a `get` carries no `form`"),
            ("{ get: /a, login: { post: /b, capture: { a: b } } }", "`login` has no key `capture`"),
            ("{ get: /a, login: { post: /b, login: { post: /c } } }", "`login` has no key `login`"),
            ("{ get: /a, login: /b }", "`login` must be"),
        ] {
            let (action, messages) = StepBench.decode(HTTPStep.kind(), text)
            #expect(action == nil && messages.count == 1, "\(messages)")
            #expect(messages.first?.contains(complaint) == true, "\(messages)")
        }
    }
}
