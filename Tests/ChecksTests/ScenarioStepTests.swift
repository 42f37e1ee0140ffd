import Checks
import DeployCore
import DeployPorts
import Synchronization
import Testing
import ServiceLab

@Suite struct ScenarioStepTests {
    /// Answers by path, and keeps cookies.
    private static let app: @Sendable (RawConnection) -> Void = { connection in
        let request = connection.readRequest()
        let line = request.prefix { $0 != "\r\n" }
        let answer =
            switch true {
            case line.hasPrefix("POST /sessions "):
                StepBench.answer(#"{"session_id":"s 1/2"}"#, headers: "Set-Cookie: s=1; Path=/\r\n")
            case line.hasPrefix("GET /broken"): StepBench.answer(#"{"status":"broken"}"#, status: "500 No")
            case line.hasPrefix("GET /slow"): ""
            default: StepBench.answer(#"{"status":"finalized"}"#)
            }
        if answer.isEmpty { connection.hold() } else { connection.send(answer) }
    }

    private struct Run {
        let result: Result<StepResult, StepFailure>
        let report: [String]

        var message: String {
            guard case .failure(let failure) = result else { return "" }
            return failure.message.replacing(/<?\d+ ms/, with: "N ms")
        }
    }

    private static func make(
        _ text: String,
        finally: String? = nil,
        name: String? = nil
    ) -> (
        step: (any StepAction)?, messages: [String]
    ) {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .validate, service: "mina", folder: "/", publicURL: nil)
        var siblings: [Parameter.Entry] = []
        for (key, text) in [("finally", finally), ("name", name)] {
            guard let text else { continue }
            let value = FlowText.parameter(text)
            siblings.append(Parameter.Entry(key: key, keyPosition: .unknown, value: value))
        }
        let kind = CheckKinds.named("scenario")
        let step = kind.make(FlowText.parameter(text), siblings, context, diagnostics)
        let messages = diagnostics.all.map { "\($0.position.line):\($0.position.column): \($0.message)" }
        return (step, messages)
    }

    private func run(
        _ text: String,
        finally: String? = nil,
        name: String? = nil,
        at server: RawServer,
        deadline: Span = .seconds(30)
    ) async throws -> Run {
        let made = Self.make(text, finally: finally, name: name)
        let step = try #require(made.step, "\(made.messages)")
        let lines = Mutex<[String]>([])
        let given = StepBench.attempt(["candidate.url": server.url], deadline: deadline)
        let attempt = StepAttempt(
            run: given.run,
            step: given.step,
            number: 1,
            deadline: deadline,
            values: given.values,
            folder: "/",
            report: { line in lines.withLock { $0.append(line) } }
        )
        let result: Result<StepResult, StepFailure>
        do throws(StepFailure) {
            result = .success(try await step.perform(attempt))
        } catch {
            result = .failure(error)
        }
        let report = lines.withLock(\.self).map { $0.replacing(/<?\d+ ms/, with: "N ms") }
        return Run(result: result, report: report)
    }

    private static func lines(_ server: RawServer) -> [String] {
        server.requests.map { String($0.prefix { $0 != "\r\n" }) }
    }

    private static let finalize = """
        [ { http: { post: /sessions, json: { title: a }, capture: { id: session_id } } },
          { http: { post: "/sessions/${steps.scenario.id}/finalize", expect: { json: { status: finalized } } }, name: finalize } ]
        """
    private static let delete = "[ { http: { delete: \"/sessions/${steps.scenario.id}\" } } ]"

    @Test func `what one step captures the next one uses, with the same cookies, and all is reported`()
        async throws
    {
        try await RawServer.behaving(Self.app) { server in
            let run = try await run(Self.finalize, finally: Self.delete, at: server)
            let result = try run.result.get()
            #expect(result.captures == ["id": "s 1/2"])
            #expect(result.summary.hasPrefix("2 steps in "))
            #expect(result.summary.hasSuffix(", then 1 to clean up"))
            #expect(
                Self.lines(server) == [
                    "POST /sessions HTTP/1.1", "POST /sessions/s%201%2F2/finalize HTTP/1.1",
                    "DELETE /sessions/s%201%2F2 HTTP/1.1",
                ]
            )
            #expect(server.requests.map { $0.contains("Cookie: s=1") } == [false, true, true])
            #expect(
                run.report == [
                    "  1 of 2  POST /sessions: 200 in N ms", "  2 of 2  finalize: 200 in N ms",
                    "  finally 1  DELETE /sessions/${steps.scenario.id}: 200 in N ms",
                ]
            )
        }
    }

    @Test func `the first that fails ends it, and finally still runs`() async throws {
        try await RawServer.behaving(Self.app) { server in
            let text = """
                [ { http: { post: /sessions, capture: { id: session_id } } }, { http: { get: /broken } }, { http: { get: /c } } ]
                """
            let run = try await run(text, finally: Self.delete, at: server)
            #expect(
                run.message.replacing("\(server.port)", with: "PORT") == """
                    scenario: step 2 of 3 failed
                      1 of 3  POST /sessions: 200 in N ms
                      2 of 3  GET http://127.0.0.1:PORT/broken answered 500 in N ms
                            expected  status 200..299
                            answered  500 No
                            body      {"status":"broken"}
                      3 of 3  GET /c: not begun
                      finally 1  DELETE /sessions/${steps.scenario.id}: 200 in N ms
                    """
            )
            #expect(Self.lines(server).last == "DELETE /sessions/s%201%2F2 HTTP/1.1")
        }
    }

    @Test func `finally leaves out what has nothing to clean up`() async throws {
        try await RawServer.behaving(Self.app) { server in
            let text = "[ { http: { get: /broken, capture: { id: session_id } } } ]"
            let finally =
                "[ { http: { delete: \"/sessions/${steps.scenario.id}\" } }, { http: { get: /done } } ]"
            let run = try await run(text, finally: finally, at: server)
            #expect(run.message.hasPrefix("scenario: step 1 of 1 failed\n"))
            #expect(
                run.message.contains(
                    "DELETE /sessions/${steps.scenario.id}: left out, ${steps.scenario.id} was never captured"
                )
            )
            #expect(Self.lines(server) == ["GET /broken HTTP/1.1", "GET /done HTTP/1.1"])
        }
    }

    @Test func `finally that fails fails the step`() async throws {
        try await RawServer.behaving(Self.app) { server in
            let run = try await run(
                "[ { http: { get: /a } } ]",
                finally: "[ { http: { get: /broken } } ]",
                at: server
            )
            #expect(run.message.hasPrefix("scenario: it went well, and its `finally` failed\n"))
        }
    }

    @Test func `finally runs when the time is over`() async throws {
        try await RawServer.behaving(Self.app) { server in
            let text =
                "[ { http: { post: /sessions, capture: { id: session_id } } }, { http: { get: /slow } }, { http: { get: /c } } ]"
            let run = try await run(text, finally: Self.delete, at: server, deadline: .seconds(2))
            #expect(run.message.hasPrefix("scenario: step 2 of 3 failed\n"))
            #expect(Self.lines(server).last == "DELETE /sessions/s%201%2F2 HTTP/1.1")
        }
    }

    @Test func `finally runs when the run is stopped`() async throws {
        try await RawServer.behaving(Self.app) { server in
            let text =
                "[ { http: { post: /sessions, capture: { id: session_id } } }, { http: { get: /slow } } ]"
            let message = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await run(text, finally: Self.delete, at: server).message }
                await eventually { server.requests.count == 2 }
                group.cancelAll()
                return try await group.next() ?? ""
            }
            #expect(message.contains("/slow: stopped before it was answered"))
            #expect(Self.lines(server).last == "DELETE /sessions/s%201%2F2 HTTP/1.1")
        }
    }

    @Test func `a WebSocket is a step too, and a step has a time of its own`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            connection.serveWebSocket()
        }) { server in
            let fine = "[ { websocket: { path: /ws, send: a, expect: a } } ]"
            let result = try await run(fine, at: server).result.get()
            #expect(result.summary.hasPrefix("1 steps in "))
            let late = "[ { websocket: { path: /ws, expect: a }, timeout: 500ms } ]"
            let message = try await run(late, at: server).message
            #expect(message.contains("no message as expected within 500ms"))
        }
    }

    @Test func `the scenario's own name stands for it too, and its own captures are not asked of others`()
        async throws
    {
        try await RawServer.behaving(Self.app) { server in
            let text =
                "[ { http: { post: /sessions, capture: { id: session_id } } }, { http: { get: \"/${steps.path.id}\" } } ]"
            _ = try await run(text, name: "path", at: server).result.get()
            #expect(Self.lines(server).last == "GET /s%201%2F2 HTTP/1.1")
            #expect(Self.make(text, name: "path").step?.references.isEmpty == true)
            #expect(Self.make(text).step?.references.map(\.name) == ["steps.path.id"])
        }
    }

    @Test func `it only looks when all of its steps do`() {
        #expect(Self.make("[ { http: { get: /a } } ]").step?.isReadOnly == true)
        #expect(Self.make("[ { http: { get: /a } } ]", finally: Self.delete).step?.isReadOnly == false)
    }

    @Test(
        arguments: [
            (
                "{ a: b }", nil,
                ["1:1: `scenario` must be a list of `http` and `websocket` steps, found a mapping"]
            ),
            ("[]", nil, ["1:1: `scenario` has no step"]),
            (
                "[ { tcp: \"a:1\" } ]", nil,
                ["1:5: a step of a scenario has no key `tcp`; it takes http, name, timeout, websocket"]
            ),
            ("[ { name: a } ]", nil, ["1:3: a step of a scenario has one action, `http` or `websocket`"]),
            (
                "[ { http: { get: /a }, websocket: { path: /a } } ]", nil,
                ["1:3: a step of a scenario has one action, `http` or `websocket`"]
            ),
            ("[ { http: { gte: /a } } ]", nil, ["1:13: `http` has no key `gte`; did you mean `get`?"]),
            (
                "[ { http: { get: /a } } ]", "[ { http: { get: a } } ]",
                [
                    "1:18: `a` is neither a path that begins with `/` nor an http or https URL"
                ]
            ),
        ] as [(String, String?, [String])]
    )
    func `mistakes are reported at their places`(text: String, finally: String?, messages: [String]) {
        let made = Self.make(text, finally: finally)
        #expect(made.messages == messages)
        #expect(made.step == nil)
    }
}

/// Waits until `condition` holds, for at most thirty seconds.
private func eventually(_ condition: @Sendable () -> Bool) async {
    let end = ContinuousClock.now + .seconds(30)
    while !condition(), ContinuousClock.now < end { await Task.yield() }
}
