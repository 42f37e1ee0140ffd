import DeployCore
import DeployPorts
import DeployTestKit
import Foundation
import Logging
import Testing

@testable import DeployOperations

/// When a service, or a run, is let alone.
@Suite(.timeLimit(.minutes(5))) struct SessionRefusalTests {
    /// The service `shop` and its journal, in which nothing is yet.
    private struct Shop {
        let clock = ManualClock()
        let store: any StateStore
        let service: Service
        let desk: Desk
        let directory: ServiceDirectory

        static func run(_ body: (Shop) async throws -> Void) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try await body(try await Shop(folder))
        }

        private init(_ folder: URL) async throws {
            let text = """
                service: shop
                environments:
                  blue: { url: "http://127.0.0.1:1", servers: ["127.0.0.1:1"] }
                  green: { url: "http://127.0.0.1:2", servers: ["127.0.0.1:2"] }
                balancers:
                  - nginx: /nowhere/shop.conf
                    upstream: shop
                """
            let file = folder.appending(path: "shop.yml")
            try Data(text.utf8).write(to: file)
            let state = try StateLocation("sqlite:\(folder.path)/s.db", environment: [:], isRoot: false)
            store = try await state.open()
            service = try Service(playbookAt: file.path, clock: clock)
            directory = try ServiceDirectory(paths: [file.path], clock: clock)
            desk = Desk(actor: Actor("bob"), environment: [:], state: state, clock: clock)
        }

        var session: RunSession {
            RunSession(desk: desk, store: store, observer: RunHub().unheard, stops: AsyncStream { _ in })
        }

        var conductor: Conductor {
            Conductor(
                directory: directory,
                store: store,
                queue: RunQueue(store),
                desk: desk,
                hub: RunHub(),
                logger: Logger(label: "shop") { _ in SwiftLogNoOpLogHandler() }
            )
        }

        /// Held from another host, where nobody can look whether the process lives.
        func hold() async throws -> Lease {
            try await store.acquireLease(
                on: "shop",
                for: LeaseHolder(
                    host: "elsewhere",
                    boot: "",
                    process: 1,
                    startTicks: 1,
                    actor: Actor("ana"),
                    purpose: "run v1"
                ),
                takeover: .onlyIfFree,
                floor: 0,
                at: clock.now()
            )
        }

        /// A run that has just begun, and nobody goes on with.
        func begin(_ name: String) async throws -> RecordedRun {
            let lease = try await hold()
            let plan = Plan(
                service: "shop",
                version: try #require(Version(rawValue: "v1")),
                stable: EnvironmentName("blue"),
                candidate: EnvironmentName("green"),
                phases: [.shift(phase: .instant)]
            )
            let start = RunEvent(at: clock.now(), .started(plan: plan))
            let state = try #require(Reducer.fold([start]))
            let run = RunID(rawValue: name)
            _ = try await store.open(
                run,
                event: start,
                effects: state.pending,
                playbook: "service: shop\n",
                lease: lease
            )
            try await store.release(lease)
            return try await RunHistory(store: store, service: "shop").run(name)
        }
    }

    private func failure(_ body: () async throws -> Void) async -> CommandFailure? {
        do {
            try await body()
            return nil
        } catch {
            return error as? CommandFailure
        }
    }

    @Test func `a service is let alone while somebody holds it, and no longer`() async throws {
        try await Shop.run { shop in
            _ = try await shop.hold()
            let refusal = await failure { try await shop.session.refuseIfHeld(shop.service) }
            #expect(refusal?.status == .held && refusal?.message.contains("of ana") == true)
            shop.clock.advance(by: .seconds(60))
            #expect(await failure { try await shop.session.refuseIfHeld(shop.service) } == nil)
        }
    }

    @Test func `a run that is not settled keeps the next one from beginning`() async throws {
        try await Shop.run { shop in
            let run = try await shop.begin("01M7ZMNQV574YTXTG4P4515ZM1")
            let refusal = await failure { try await shop.session.refuseIfHeld(shop.service) }
            #expect(refusal?.status == .held && refusal?.message.contains("is not settled") == true)
            #expect(refusal?.message.contains("\(run.record.id)") == true)
        }
    }

    @Test func `the latest run alone is taken back`() async throws {
        try await Shop.run { shop in
            let first = try await shop.begin("01M7ZMNQV574YTXTG4P4515ZM1")
            shop.clock.advance(by: .seconds(1))
            let second = try await shop.begin("01M7ZMNQV574YTXTG4P4515ZM2")
            let refusal = await failure { try await shop.session.refuseIfNotLatest(first) }
            #expect(refusal?.status == .forbidden)
            #expect(refusal?.message.contains("bgdeploy rollback \(second.record.id)") == true)
            #expect(await failure { try await shop.session.refuseIfNotLatest(second) } == nil)
        }
    }

    @Test func `a command that the run would not obey takes nobody's run over`() async throws {
        try await Shop.run { shop in
            let run = try await shop.begin("01M7ZMNQV574YTXTG4P4515ZM1")
            // The conductor would go on with a run that nobody drives.
            _ = try await shop.hold()
            let command = PostedCommand(
                command: .retire(early: false),
                by: Actor("bob"),
                reason: nil,
                at: shop.clock.now()
            )
            let conductor = shop.conductor
            await withDiscardingTaskGroup { group in
                group.addTask { await conductor.run() }
                let refusal = await failure {
                    try await conductor.takeOver(run, shop.service, obeying: command)
                }
                #expect(refusal?.status == .forbidden)
                conductor.stop()
                group.cancelAll()
            }
            let entries = try await shop.store.entries(of: run.record.id, after: 0)
            #expect(entries.count == 1)
        }
    }

    @Test func `a service that is being stopped begins nothing`() async throws {
        try await Shop.run { shop in
            let conductor = shop.conductor
            conductor.stop()
            let order = try RunOrder(try #require(Version(rawValue: "v1")))
            let refusal = await failure {
                _ = try await conductor.begin(order, of: shop.service, by: Actor("bob"))
            }
            #expect(refusal?.status == .unavailable && refusal?.message.contains("stopped") == true)
        }
    }
}
