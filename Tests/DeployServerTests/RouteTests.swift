import DeployCore
import DeployOperations
import DeployPorts
import DeployTestKit
import Foundation
import Hummingbird
import Logging
import Testing

@testable import DeployServer

/// The routes as they are served, by the description that is served with them.
struct RouteTests {
    private static let playbook = """
        service: shop
        environments:
          blue: { url: "http://127.0.0.1:1", servers: ["127.0.0.1:1"] }
          green: { url: "http://127.0.0.1:2", servers: ["127.0.0.1:2"] }
        balancers:
          - nginx: /nowhere/shop.conf
            upstream: shop
        """

    /// A server of the service `shop`, with a run on record.
    private struct Shop {
        let lab = AccessLab()
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        let router: Router<ServerContext>
        let store: any StateStore
        let run: RunID

        init() async throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let file = folder.appending(path: "shop.yml")
            try Data(RouteTests.playbook.utf8).write(to: file)
            let state = try StateLocation("sqlite:\(folder.path)/s.db", environment: [:], isRoot: false)
            store = try await state.open()
            let desk = Desk(actor: Actor("test"), environment: [:], state: state, clock: lab.clock)
            let directory = try ServiceDirectory(paths: [file.path], clock: lab.clock)
            let logger = Logger(label: "routes") { _ in SwiftLogNoOpLogHandler() }
            let office = Office(directory: directory, store: store, desk: desk, logger: logger)
            router = Server(office: office, access: lab.access, version: "1", logger: logger).router()
            run = try await Self.run(in: store)
        }

        private static func run(in store: any StateStore) async throws -> RunID {
            let holder = LeaseHolder(
                host: "elsewhere",
                boot: "",
                process: 1,
                startTicks: 1,
                actor: Actor("ana"),
                purpose: "run v1"
            )
            let lease = try await store.acquireLease(
                on: "shop",
                for: holder,
                takeover: .onlyIfFree,
                floor: 0,
                at: Timestamp(milliseconds: 1)
            )
            let plan = Plan(
                service: "shop",
                version: try #require(Version(rawValue: "v1")),
                stable: EnvironmentName(rawValue: "blue"),
                candidate: EnvironmentName(rawValue: "green"),
                phases: []
            )
            let run = RunID(rawValue: "01M7ZMNQV574YTXTG4P4515ZM0")
            let event = RunEvent(at: Timestamp(milliseconds: 1), .started(plan: plan))
            _ = try await store.open(run, event: event, effects: [], playbook: playbook, lease: lease)
            try await store.release(lease)
            return run
        }
    }

    private static let bodies: [String: String] = [
        "rollBack": #"{"force": true}"#, "postCommand": #"{"command": "pause"}"#,
        "addNotes": #"{"cause": "a lost index"}"#,
    ]

    /// Which scope each takes, told here in other words than the product's.
    private static let scopes: [String: Scope] = [
        "beginRun": .deploy, "rollBack": .deploy, "setTraffic": .deploy, "dismissQueued": .deploy,
        "postCommand": .deploy, "addNotes": .deploy, "verifyJournal": .admin, "listTokens": .admin,
        "createToken": .admin,
        "revokeToken": .admin,
    ]

    @Test func `everything that is described lets in who may and nobody else`() async throws {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        // The matrix makes tokens as it goes: their list is asked for while it is short.
        let operations = OpenAPI.operations.filter { !$0.isOpen && $0.name != "isReady" }
            .sorted { $0.name == "listTokens" && $1.name != "listTokens" }
        let routes = operations.map { operation in
            let isOfService = operation.path.contains("{service}") || operation.path.contains("{run}")
            let path = operation.path.replacing("{service}", with: "shop")
                .replacing("{run}", with: shop.run.rawValue).replacing("{step}", with: "prepare-1")
                .replacing("{command}", with: "1").replacing("{id}", with: "00000000")
            return AccessMatrix.Route(
                method: operation.method.uppercased(),
                path: path,
                scope: Self.scopes[operation.name] ?? .read,
                service: isOfService ? "shop" : nil,
                body: operation.body.map { _ in Self.bodies[operation.name] ?? "{}" }
            )
        }
        #expect(routes.count > 20)
        let lab = shop.lab
        try await lab.serve(at: nil, shop.router) { caller in
            let mistakes = try await AccessMatrix(lab: lab, visitor: caller).mistakes(in: routes)
            #expect(mistakes == [])
        }
    }

    @Test func `what is served is described, and the other way round`() async throws {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        let served = Set(
            shop.router.routes.filter { $0.method != .head && $0.path.description.hasPrefix("/v1") }.map {
                "\($0.method.rawValue) \($0.path.description)"
            }
        )
        let described = Set(
            OpenAPI.operations.filter { $0.path.hasPrefix("/v1") }.map {
                "\($0.method.uppercased()) \($0.path)"
            }
        )
        #expect(served == described)
    }

    @Test func `HEAD is answered as GET is, without a body`() async throws {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        let token = try await shop.lab.token()
        let run = shop.run
        try await shop.lab.serve(at: nil, shop.router) { caller in
            let tool = caller.bearing(token)
            for path in [
                "/livez", "/metrics", "/v1/services", "/v1/runs/\(run)", "/v1/runs/none",
                "/assets/dashboard.css",
            ] {
                let (whole, head) = (try await tool.get(path), try await tool.send("HEAD", path))
                #expect(head.status == whole.status && head.text.isEmpty, "\(path): \(head.status)")
                #expect(head.header("Content-Type") == whole.header("Content-Type"), "\(path)")
                #expect(head.header("Content-Length") != nil)
            }
            #expect(try await caller.send("HEAD", "/v1/services").status == 401)
        }
    }

    @Test func `a command that nobody sent is not there, nor one to a run that is not to be seen`()
        async throws
    {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        let posted = PostedCommand(
            command: .pause,
            by: Actor("ana"),
            reason: nil,
            at: Timestamp(milliseconds: 1)
        )
        let number = try await shop.store.post(posted, to: shop.run)
        let (all, other) = (
            try await shop.lab.token(), try await shop.lab.token("eve", [.read], services: ["other"])
        )
        try await shop.lab.serve(at: nil, shop.router) { caller in
            let known = try await caller.bearing(all).get("/v1/commands/\(number)")
            #expect(known.status == 200 && known.text.contains("false"))
            for (token, number) in [(all, number + 1), (all, Int.max), (other, number)] {
                let answer = try await caller.bearing(token).get("/v1/commands/\(number)")
                #expect(answer.status == 404 && answer.header("Content-Type") == "application/problem+json")
            }
        }
    }

    @Test func `a queue that is full says so`() async throws {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        let queue = RunQueue(shop.store)
        func add(_ number: Int, _ service: String = "shop") async throws {
            let run = QueuedRun(
                service: service,
                version: try #require(Version(rawValue: "v\(number)")),
                strategy: nil,
                by: Actor("ana"),
                reason: nil,
                at: Timestamp(milliseconds: 1)
            )
            _ = try await queue.add(run, as: .new(at: Timestamp(milliseconds: Int64(number))))
        }
        for number in 1...RunQueue.limit { try await add(number) }
        let failure = try #require(await #expect(throws: CommandFailure.self) { try await add(0) })
        #expect(Problem(failure).status == .serviceUnavailable && failure.message.contains("100 runs wait"))
        try await add(0, "other")
        #expect(try await queue.runs(of: "shop").count == RunQueue.limit)
    }

    @Test func `who may not look at a run is not told whose it is`() async throws {
        let shop = try await Shop()
        defer { try? FileManager.default.removeItem(at: shop.folder) }
        let token = try await shop.lab.token("eve", [.admin], services: ["other"])
        let run = shop.run
        try await shop.lab.serve(at: nil, shop.router) { caller in
            let there = try await caller.bearing(token).send("GET", "/v1/runs/\(run)", nil)
            let nowhere = try await caller.bearing(token).send("GET", "/v1/runs/02", nil)
            #expect(there.status == 403)
            #expect(nowhere.status == 404)
            #expect(!there.text.contains("shop"))
        }
    }
}
