import DeployCore
import DeployOperations
import DeployPorts
import DeployTestKit
import Testing

/// What is done by hand keeps its lease for as long as it takes.
struct HoldingTests {
    private static let playbook = """
        service: shop
        environments:
          blue: { url: "http://127.0.0.1:1", servers: ["127.0.0.1:1"] }
          green: { url: "http://127.0.0.1:2", servers: ["127.0.0.1:2"] }
        balancers:
          - nginx: /nowhere/shop.conf
            upstream: shop
        """

    private let clock = ManualClock()
    private let store = MemoryRunStore()

    /// What a balancer that hangs for `seconds` comes to.
    private func set(_ seconds: Int64) async -> String {
        do throws(CommandFailure) {
            let state = try StateLocation("sqlite:/nowhere/s.db", environment: [:], isRoot: false)
            let desk = Desk(actor: Actor("ana"), environment: [:], state: state, clock: clock)
            let service = try Service(
                text: Array(Self.playbook.utf8),
                path: "/nowhere/shop.yml",
                clock: clock
            )
            return try await desk.holding(service, store, "traffic set") { [clock] _, _ in
                try? await clock.sleep(for: .seconds(seconds))
                return "set"
            }
        } catch {
            return error.message
        }
    }

    private func pass(_ seconds: Int) async {
        for _ in 0..<seconds {
            while clock.sleeperCount < 3 { await Task.yield() }
            clock.advance(by: .seconds(1))
        }
    }

    private func take(_ takeover: Takeover) async throws -> Lease {
        let holder = LeaseHolder(
            host: "elsewhere",
            boot: "b",
            process: 2,
            startTicks: 1,
            actor: Actor("bob"),
            purpose: "run v2"
        )
        return try await store.acquireLease(
            on: "shop",
            for: holder,
            takeover: takeover,
            floor: 0,
            at: clock.now()
        )
    }

    @Test func `a balancer that hangs does not make the lease run out`() async throws {
        async let end = set(40)
        await pass(39)
        await #expect(throws: RunStoreError.self) { try await take(.onlyIfFree) }
        await pass(1)
        #expect(await end == "set")
        #expect(try await store.lease(on: "shop") == nil)
    }

    @Test func `it is given up when somebody else has the lease, who keeps it`() async throws {
        async let end = set(100)
        await pass(12)
        let theirs = try await take(.byForce)
        await pass(3)
        let message = await end
        #expect(message.hasPrefix("another process has taken shop over"))
        #expect(message.contains("not known: bgdeploy traffic show"))
        #expect(try await store.lease(on: "shop") == theirs)
    }
}
