import DeployCore
@testable import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// A lease is kept while its holder works, and given up with the work when it is lost.
struct LeaseKeeperTests {
    private let clock = ManualClock()
    private let store = MemoryRunStore()

    private func acquire(_ process: Int, _ takeover: Takeover = .onlyIfFree) async throws -> Lease {
        let holder = LeaseHolder(
            host: "near",
            boot: "b",
            process: process,
            startTicks: 1,
            actor: Actor("ana"),
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

    /// Lets so many seconds pass, one at a time, while the work, the renewal and the deadline sleep.
    private func pass(_ seconds: Int) async {
        for _ in 0..<seconds {
            while clock.sleeperCount < 3 { await Task.yield() }
            clock.advance(by: .seconds(1))
        }
    }

    private enum End: Equatable, Sendable {
        case slept, woken, lost, tooLong
    }

    /// Works for `seconds` under `lease`, two minutes at most.
    private func work(_ seconds: Int, under lease: Lease) async -> End {
        do throws(LeaseKeeper.Loss) {
            return try await LeaseKeeper(lease, in: store, clock: clock).during(atMost: .minutes(2)) {
                [clock] in
                do {
                    try await clock.sleep(for: .seconds(Int64(seconds)))
                    return .slept
                } catch {
                    return .woken
                }
            }
        } catch {
            return error == .lost ? .lost : .tooLong
        }
    }

    @Test func `work that takes longer than a lease keeps it`() async throws {
        let lease = try await acquire(1)
        async let end = work(60, under: lease)
        await pass(55)
        await #expect(throws: RunStoreError.self) { try await acquire(2) }
        await pass(5)
        #expect(await end == .slept)
        let held = try #require(try await store.lease(on: "shop"))
        #expect(held.expires > clock.now().advanced(by: .seconds(5)))
    }

    @Test func `work is given up within seconds when somebody else takes the lease`() async throws {
        let lease = try await acquire(1)
        async let end = work(60, under: lease)
        await pass(7)
        _ = try await acquire(2, .byForce)
        await pass(3)
        #expect(await end == .lost)
    }

    @Test func `work has a deadline`() async throws {
        let lease = try await acquire(1)
        async let end = work(3600, under: lease)
        await pass(119)
        await #expect(throws: RunStoreError.self) { try await acquire(2) }
        await pass(1)
        #expect(await end == .tooLong)
    }
}
