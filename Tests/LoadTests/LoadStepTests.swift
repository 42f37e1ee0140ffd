import DeployCore
import DeployPorts
import LoadClient
import SafeFile
import Testing
import ServiceLab

@testable import BalancerLab
@testable import Load

@Suite struct LoadStepTests {
    @Test func `a good server passes, and the report has the histogram`() async throws {
        let lab = try await WebLab()
        let trial = try await LoadBook.trial(
            "{ paths: { /: 3, /b: 1 }, users: 4, for: 2s, limits: { p50: 5s, p99: 20s, errors: 0% } }",
            port: lab.port
        )
        let result = try trial.result.get()
        let summary = /^\d+ requests, \d+ a second, p50 .*, p95 .*, p99 .*, 0% errors$/
        #expect(result.summary.contains(summary))
        #expect(trial.lines.count >= 1)
        #expect(
            try #require(trial.lines.first).contains(/^1s  \d+ requests\/s  p50 .* ms  p95 .*  0 errors$/)
        )
        #expect(trial.report.contains("corrected"))
        #expect(trial.report.contains(/\n *50\.0000 % +\d+\.\d+ ms +\d+\n/))
        #expect(trial.report.contains(/\n *100\.0000 % +\d/))
        #expect(trial.report.contains("█"))
        let (often, rarely) = (lab.count("GET / "), lab.count("GET /b "))
        #expect(abs(often - 3 * rarely) <= 16)
    }

    @Test func `every limit is told, with what was asked and what was measured`() async throws {
        let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        try await RawServer.behaving({ connection in
            while !connection.readRequest().isEmpty {
                MonotonicClock.pause(milliseconds: 30)
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                if connection.readRequest().isEmpty { return }
                connection.send(answer)
            }
        }) { server in
            let trial = try await LoadBook.trial(
                "{ paths: /, users: 2, for: 1s, limits: { p50: 30s, p95: 10ms, errors: 5% } }",
                port: server.port
            )
            let text = try #require(trial.failure)
            #expect(text.hasPrefix("load /, 2 users, 1s: 2 limits are broken\n"))
            #expect(text.contains(/\n  p50     asked 30s   measured [^\n]*s\n/))
            #expect(text.contains(/\n  p95     asked 10ms  measured [^\n]*s  BROKEN\n/))
            #expect(text.contains(/\n  errors  asked 5%    measured [^\n]*% \(\d+ of \d+\)  BROKEN\n/))
            #expect(text.contains(/\n  \d+ × status 503\n/))
            #expect(text.contains("histogram: /"))
            #expect(trial.report.contains("BROKEN"))
        }
    }

    @Test func `it ends early when a limit can no longer be kept`() async throws {
        let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        try await RawServer.behaving({ $0.serve(answer) }) { server in
            let trial = try await LoadBook.trial(
                "{ paths: /, rate: 100/s, for: 40s, limits: { errors: 1% } }",
                port: server.port
            )
            let text = try #require(trial.failure)
            #expect(text.contains("ended early: "))
            #expect(text.contains("requests failed already: more than 1% of all 4000 that can be made"))
            #expect(trial.lines.count < 10)
        }
    }

    @Test func `secrets are sent and not told`() async throws {
        try await RawServer.behaving({ $0.serve() }) { server in
            let trial = try await LoadBook.trial(
                #"{ paths: "/x?t=${secret.T}", rate: 20/s, for: 300ms, bearer: "${secret.T}" }"#,
                port: server.port,
                secrets: ["secret.T": "s3cr3t/1"]
            )
            _ = try trial.result.get()
            let request = try #require(server.requests.first { !$0.isEmpty })
            #expect(request.hasPrefix("GET /x?t=s3cr3t%2F1 HTTP/1.1\r\n"))
            #expect(request.contains("\r\nAuthorization: Bearer s3cr3t/1\r\n"))
            #expect(!trial.report.contains("s3cr3t"))
        }
    }

    @Test func `a step that could not end in its time does not begin`() async throws {
        let trial = try await LoadBook.trial(
            "{ paths: /, users: 1, for: 5m }",
            port: 1,
            deadline: .minutes(1)
        )
        #expect(
            trial.failure == "takes up to 5m20s, and may take 1m: write `timeout: 5m20s` beside `load`"
        )
    }

    @Test func `after a crash it is made anew, and it is no check for health`() async throws {
        let step = try LoadBook.make("{ paths: /, users: 1, for: 5m }")
        let attempt = StepAttempt(
            run: RunID(rawValue: "R"),
            step: StepID(rawValue: "s"),
            number: 1,
            deadline: .seconds(1),
            values: Values(),
            folder: "/",
            report: { _ in }
        )
        #expect(await step.reconcile(attempt) == .neverStarted)
        #expect(!step.isReadOnly)
    }

    // MARK: WebSockets

    private static func webSockets(_ text: String, acceptFirst: Bool) async throws -> LoadBook.Trial {
        try await RawServer.behaving({ connection in
            // A handshake is told from a request by its path, which only the first line has.
            let isSocket = connection.peek().contains("GET /ws ")
            guard isSocket else { return connection.serve() }
            guard acceptFirst else {
                connection.readRequest()
                connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return
            }
            connection.acceptWebSocket()
            connection.serveWebSocket()
        }) { server in
            try await LoadBook.trial(text, port: server.port)
        }
    }

    private static let withSockets = """
        { paths: /, rate: 20/s, for: 1s, websockets: { path: /ws, connections: 8 },
          limits: { websocket_success: 99.9% } }
        """

    @Test func `WebSockets that open and last are good`() async throws {
        let trial = try await Self.webSockets(Self.withSockets, acceptFirst: true)
        _ = try trial.result.get()
        #expect(trial.report.contains("websocket_success  asked 99.9%  measured 100% (8 of 8)"))
    }

    @Test func `WebSockets that are refused break the limit`() async throws {
        let trial = try await Self.webSockets(Self.withSockets, acceptFirst: false)
        let text = try #require(trial.failure)
        #expect(text.contains(/websocket_success  asked 99.9%  measured 0% \(0 of \d+\)  BROKEN/))
        #expect(text.contains("× WebSocket: handshake refused: "))
    }
}
