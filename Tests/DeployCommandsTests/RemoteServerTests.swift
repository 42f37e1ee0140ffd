@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployEngine
import DeployPorts
import Foundation
import Synchronization
import Testing

/// What becomes of each kind of answer.
struct RemoteServerTests {
    private func desk(_ server: ContractServer, token: String? = ContractModel.token) throws -> RemoteDesk {
        let remote = RemoteServer(try ServerAddress(server.url), token: token, clock: HurriedClock())
        return RemoteDesk(store: RemoteStore(remote), clock: HurriedClock(), flags: "", tell: { _ in })
    }

    private func failure(
        of reply: ContractServer.Reply,
        token: String? = ContractModel.token
    ) async throws -> CommandFailure {
        let server = try ContractServer { _ in reply }
        defer { server.stop() }
        let desk = try desk(server, token: token)
        return try #require(await #expect(throws: CommandFailure.self) { try await desk.services() })
    }

    @Test(arguments: [
        (401, DeployOperations.ExitStatus.forbidden), (403, .forbidden), (404, .badInput), (409, .held),
        (422, .badInput),
        (400, .usage), (429, .unavailable), (500, .unavailable), (503, .unavailable), (418, .usage),
    ])
    func `a status without a code means an exit code`(
        _ status: Int,
        _ expected: DeployOperations.ExitStatus
    ) async throws {
        let problem = "{\"title\":\"no\",\"detail\":\"because of it\"}"
        let failure = try await failure(
            of: .init(status: status, type: "application/problem+json", body: problem)
        )
        #expect(failure.status == expected)
        #expect(failure.message.hasPrefix("because of it\n"))
    }

    @Test func `a problem's code is the exit code, and success is none`() async throws {
        #expect(try await failure(of: .problem(409, "x", code: 1)).status == .failed)
        #expect(try await failure(of: .problem(422, "x", code: 64)).status == .usage)
        #expect(try await failure(of: .problem(500, "x", code: 0)).status == .unavailable)
        #expect(try await failure(of: .problem(500, "x", code: 17)).status == .unavailable)
    }

    @Test func `without a token it is said how to give one, and with one that it is not taken`() async throws
    {
        let bare = try await failure(of: .problem(401, "who asks?", code: 77), token: nil)
        #expect(bare.status == .forbidden)
        #expect(bare.message.contains("BGDEPLOY_TOKEN"))
        let refused = try await failure(of: .problem(401, "who asks?", code: 77))
        #expect(refused.message.contains("revoked"))
    }

    @Test func `the token is never repeated, whatever the server says`() async throws {
        let echo = "your token is \(ContractModel.token)!"
        for reply: ContractServer.Reply in [
            .problem(500, echo, code: 69),
            .init(status: 302, body: "", headers: ["Location": "/\(ContractModel.token)"]),
            .init(type: ContractModel.token, body: echo),
        ] {
            let failure = try await failure(of: reply)
            #expect(!failure.message.contains(ContractModel.token))
            #expect(failure.status == .unavailable)
        }
    }

    @Test(arguments: [
        ContractServer.Reply(body: "<html>login</html>"), .init(body: ""), .init(body: "[]"),
        .init(body: "{\"services\":[{\"name\":\"mina\"}]}"), .init(body: "{\"services\":"),
        .init(body: String(repeating: "[", count: 100_000)),
    ])
    func `what is no answer of a service is told as such`(_ reply: ContractServer.Reply) async throws {
        let failure = try await failure(of: reply)
        #expect(failure.status == .unavailable)
        #expect(failure.message.contains("same version"))
    }

    @Test(arguments: [301, 302, 404, 401, 500, 200])
    func `an answer of something else is no run that is missing`(_ status: Int) async throws {
        let page = ContractServer.Reply(status: status, type: "text/html", body: "<h1>hello</h1>")
        let server = try ContractServer { _ in page }
        defer { server.stop() }
        let store = try desk(server).store
        await #expect(throws: RunStoreError.self) { try await store.run("01J") }
    }

    @Test func `a redirect is not followed`() async throws {
        let other = try ContractServer()
        defer { other.stop() }
        let failure = try await failure(of: .init(status: 307, body: "", headers: ["Location": other.url]))
        #expect(failure.message.contains("leads elsewhere"))
        #expect(other.requests.isEmpty)
    }

    @Test func `an answer without an end is cut at a limit`() async throws {
        let server = try ContractServer { request in
            request.path.hasSuffix("journal") ? .init(body: String(repeating: " ", count: 10 << 20)) : nil
        }
        defer { server.stop() }
        let store = try desk(server).store
        let failure = await #expect(throws: RunStoreError.self) {
            try await store.entries(of: Script.run, after: 0)
        }
        guard case .unavailable(let text) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(text.contains("8388608") || text.contains("larger") || text.contains("limit"), "\(text)")
    }

    @Test func `a journal with a gap or of another run is none`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        server.model.change { $0.script.goToGate() }
        let store = try desk(server).store
        await #expect(throws: RunStoreError.self) {
            // The server of the test skips nothing; the client asks as if it had seen less.
            try await store.entries(of: RunID(rawValue: "OTHER"), after: 0)
        }
        let entries = server.model.change { $0.script.entries }
        let data = try JSONEncoder().encode([entries[0], entries[2]])
        let body = "{\"entries\":\(String(decoding: data, as: UTF8.self))}"
        let gap = try ContractServer { _ in .init(body: body) }
        defer { gap.stop() }
        let gapped = try desk(gap).store
        await #expect(throws: RunStoreError.self) { try await gapped.entries(of: Script.run, after: 0) }
        await #expect(throws: RunStoreError.self) {
            try await gapped.entries(of: RunID(rawValue: "OTHER"), after: 0)
        }
    }

    @Test func `a journal comes whole from its pages`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        server.model.change { $0.script.goToFirstHold() }
        let expected = server.model.change { $0.script.entries }
        let store = try desk(server).store
        #expect(try await store.entries(of: Script.run, after: 0) == expected)
        #expect(try await store.entries(of: Script.run, after: 4) == Array(expected.dropFirst(4)))
        let record = try await store.run(String(Script.run.rawValue.prefix(12)))
        #expect(record?.startedAt == Script.begin)
        #expect(try await store.run("ZZZ") == nil)
        #expect(try await store.verify() == ChainReport(entryCount: 3, head: "ab", breach: nil))
    }

    @Test func `a store of a service is never written`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        let store = try desk(server).store
        let holder = LeaseHolder(
            host: "",
            boot: "",
            process: 1,
            startTicks: 1,
            actor: Actor("x"),
            purpose: ""
        )
        await #expect(throws: RunStoreError.self) {
            try await store.acquireLease(
                on: "mina",
                for: holder,
                takeover: .byForce,
                floor: 0,
                at: Script.begin
            )
        }
        #expect(server.requests.isEmpty)
    }

    @Test func `what the token may not do keeps its code through the store`() async throws {
        let server = try ContractServer { _ in .problem(403, "ci may not look at this", code: 77) }
        defer { server.stop() }
        let desk = try desk(server)
        let failure = try #require(
            await #expect(throws: CommandFailure.self) {
                try await RunHistory(store: desk.store, service: "mina").run(nil)
            }
        )
        #expect(failure.status == .unavailable)
        #expect(desk.store.cause(of: failure).status == .forbidden)
        let other = CommandFailure(.failed, "something else")
        #expect(desk.store.cause(of: other).status == .failed)
    }

    @Test func `a lost answer to an order is asked for again with the same key`() async throws {
        let count = Mutex(0)
        let server = try ContractServer { request in
            guard request.method == "POST" else { return nil }
            let attempt = count.withLock { count in
                count += 1
                return count
            }
            switch attempt {
            case 1: return .cut
            case 2: return .problem(409, "the same request is under way", code: 75)
            case 3: return .problem(503, "restarting", code: 69)
            default: return nil
            }
        }
        defer { server.stop() }
        #expect(try await desk(server).begin(Self.order, of: "mina") == Script.run)
        let orders = server.requests("POST", "/v1/services/mina/runs")
        #expect(orders.count == 4)
        #expect(Set(orders.map { $0.headers["idempotency-key"] }) == ["job-17"])
        #expect(server.model.begun == ["job-17": 1])
    }

    private static let order = RemoteDesk.Order(
        version: "v2.5.0",
        strategy: nil,
        reason: nil,
        overridesWindows: false,
        key: "job-17"
    )

    @Test func `a service that is held is not asked again`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        server.model.change { $0.refusal = "mina is held by `run v2.4.1` of ana" }
        let failure = try #require(
            await #expect(throws: CommandFailure.self) {
                try await desk(server).begin(Self.order, of: "mina")
            }
        )
        #expect(failure.status == .held)
        #expect(failure.message.hasPrefix("mina is held by `run v2.4.1` of ana\n"))
        #expect(server.requests.count == 1)
    }

    @Test func `a status is shown as if it were of this host`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        server.model.change { contents in
            contents.script.goToFirstHold()
            contents.state = "interrupted"
        }
        let status = try await desk(server).status(of: "mina", run: nil)
        #expect(status.state == "interrupted")
        #expect(
            status.observed
                == Split(EnvironmentName("green"), Script.percent(25), other: EnvironmentName("blue"))
        )
        #expect(status.remarks == ["edge: the file was changed"])
        let text = status.text(Style(usesColor: false), now: Script.begin)
        #expect(text.contains("edge  blue 75 %, green 25 %"))
        #expect(text.contains("run \(Script.run)  v2.5.0  interrupted"))
    }
}

/// Waits much less than it is asked to.
struct HurriedClock: Timekeeper {
    func now() -> Timestamp { SystemClock().now() }

    func sleep(for span: Span) async throws(CancellationError) {
        try await SystemClock().sleep(for: .milliseconds(min(span.milliseconds, 5)))
    }
}
