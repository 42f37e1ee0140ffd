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
        let run: RunID

        init() async throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let file = folder.appending(path: "shop.yml")
            try Data(RouteTests.playbook.utf8).write(to: file)
            let state = try StateLocation("sqlite:\(folder.path)/s.db", environment: [:], isRoot: false)
            let store = try await state.open()
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
    ]

    /// Which scope each takes, told here in other words than the product's.
    private static let scopes: [String: Scope] = [
        "beginRun": .deploy, "rollBack": .deploy, "setTraffic": .deploy, "dismissQueued": .deploy,
        "postCommand": .deploy, "verifyJournal": .admin, "listTokens": .admin, "createToken": .admin,
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
            shop.router.routes.filter { $0.path.description.hasPrefix("/v1") }.map {
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
