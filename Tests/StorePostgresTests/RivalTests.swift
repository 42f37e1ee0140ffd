import DeployCore
import DeployPorts
import Foundation
import PostgresClient
import ServiceLab
import StorePostgres
import Testing

@testable import StoreLab

/// Two orchestrators, and one that is late.
@Suite(.realPostgres) struct RivalTests {
    @Test func `of two acquirers at once exactly one wins`() async throws {
        let lab = try await PostgresLab()
        let stores = [try await lab.store(), try await lab.store()]
        var winners: [Int] = []
        for pair in 1...200 {
            let counts = await withTaskGroup(of: Int.self) { group in
                for store in stores {
                    group.addTask {
                        let refusal = await error { _ = try await Sample.lease(store, on: "service \(pair)") }
                        if case .held = refusal { return 0 }
                        return refusal == nil ? 1 : 100
                    }
                }
                return await group.reduce(0, +)
            }
            winners.append(counts)
        }
        #expect(winners.allSatisfy { $0 == 1 })
    }

    @Test func `of two who find a dead holder at once exactly one replaces it`() async throws {
        let lab = try await PostgresLab()
        let isAlive: @Sendable (LeaseHolder) -> Bool? = { $0.purpose != "dead" }
        let stores = [try await lab.store(isAlive: isAlive), try await lab.store(isAlive: isAlive)]
        for pair in 1...60 {
            let service = "service \(pair)"
            let dead = try await stores[0].acquireLease(
                on: service,
                for: Sample.holder("dead"),
                takeover: .onlyIfFree,
                floor: 0,
                at: Sample.now
            )
            let winners = await withTaskGroup(of: Lease?.self) { group in
                for store in stores {
                    group.addTask { try? await Sample.lease(store, on: service) }
                }
                return await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
            }
            #expect(winners.map(\.fence) == [dead.fence + 1])
        }
    }

    /// One appends while the other takes over and appends: whatever the older one wrote stands before.
    @Test(arguments: ["read committed", "serializable"])
    func `nothing is written under a replaced lease`(isolation: String) async throws {
        let lab = try await PostgresLab()
        try await lab.sql("ALTER DATABASE \(lab.database) SET default_transaction_isolation = '\(isolation)'")
        let (left, right) = (try await lab.store(), try await lab.store())
        let run = RunID(rawValue: "RUNA")
        var lease = try await Sample.run("RUNA", entries: 1, in: left)
        let pairs = isolation == "serializable" ? 20 : 200
        for pair in 1...pairs {
            let (old, event) = (lease, Sample.succeeded(pair))
            lease = try await withThrowingTaskGroup(of: Lease?.self) { group in
                group.addTask {
                    let refusal = await error {
                        _ = try await left.append(event, effects: [], to: run, lease: old)
                    }
                    #expect(refusal == nil || refusal == .leaseLost)
                    return nil
                }
                group.addTask {
                    let new = try await right.acquireLease(
                        on: "shop",
                        for: Sample.holder("other"),
                        takeover: .byForce,
                        floor: 0,
                        at: Sample.now
                    )
                    _ = try await right.append(event, effects: [], to: run, lease: new)
                    return new
                }
                return try await group.reduce(nil) { $0 ?? $1 } ?? old
            }
        }
        let entries = try await right.entries(of: run, after: 0)
        #expect(entries.count > pairs)
        let fences = entries.map(\.fence)
        #expect(fences == fences.sorted())
        let report = try await left.verify()
        #expect(report.breach == nil && report.entryCount == entries.count)
    }

    @Test func `two processes that append to runs of their own make one chain`() async throws {
        let lab = try await PostgresLab()
        let names = ["RUNA", "RUNB", "RUNC", "RUND"]
        let stores = [try await lab.store(), try await lab.store()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, name) in names.enumerated() {
                group.addTask {
                    try await Sample.run(name, entries: 50, in: stores[index % 2], on: "service \(name)")
                }
            }
            try await group.waitForAll()
        }
        let report = try await stores[0].verify()
        #expect(report.breach == nil && report.entryCount == 200)
        let connections = try #require(Int(try await lab.connections()))
        #expect(connections <= 6)
    }

    @Test func `appends at once to one run all get a place`() async throws {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let lease = try await Sample.run("RUNA", entries: 1, in: store)
        let sequences = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                group.addTask {
                    try await store.append(
                        Sample.succeeded(number),
                        effects: [],
                        to: RunID(rawValue: "RUNA"),
                        lease: lease
                    ).sequence
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sequences.sorted() == Array(2...21))
    }

    /// As one that was stopped between sending and committing, and woke up when another one had its lease.
    @Test func `a paused holder's late append is refused by the database`() async throws {
        let lab = try await PostgresLab()
        let (late, next) = (try await lab.store(), try await lab.store())
        let old = try await Sample.run("RUNA", entries: 1, in: late)
        let blocker = try await lab.open()
        defer { blocker.close() }
        try await blocker.run(
            "BEGIN; SELECT 1 FROM bgdeploy.chain FOR UPDATE",
            commits: false,
            within: PostgresLab.generous
        )
        let run = RunID(rawValue: "RUNA")
        try await withThrowingTaskGroup(of: RunStoreError?.self) { group in
            group.addTask {
                await error {
                    _ = try await late.append(Sample.succeeded(1), effects: [], to: run, lease: old)
                }
            }
            try await lab.wait(
                until: """
                    SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()
                        AND query LIKE '%bgdeploy.events%' AND wait_event_type = 'Lock'
                    """
            )
            let lease = try await next.acquireLease(
                on: "shop",
                for: Sample.holder("heir"),
                takeover: .byForce,
                floor: 0,
                at: Sample.now
            )
            try await blocker.run("COMMIT", commits: true, within: PostgresLab.generous)
            let refusal = try await group.next() ?? nil
            #expect(refusal == .leaseLost)
            let entry = try await next.append(Sample.succeeded(2), effects: [], to: run, lease: lease)
            #expect(entry.sequence == 2 && entry.fence > old.fence)
        }
    }

    @Test func `a lease lasts by the clock of the database`() async throws {
        let lab = try await PostgresLab()
        let store = try await PostgresRunStore(url: lab.url(), isAlive: { _ in nil })
        // Our own clock is years behind.
        let lease = try await Sample.lease(store)
        let left = try await lab.value(
            """
            SELECT \(lease.expires.milliseconds) - (extract(epoch FROM clock_timestamp()) * 1000)::bigint
                BETWEEN 1 AND 15000
            """
        )
        #expect(left == "t")
        let refusal = await error {
            _ = try await store.acquireLease(
                on: "shop",
                for: Sample.holder("other"),
                takeover: .onlyIfFree,
                floor: 0,
                at: Sample.now.advanced(by: .seconds(1_000_000_000))
            )
        }
        #expect(refusal == .held(lease))
        try await lab.sql("UPDATE bgdeploy.leases SET expires = expires - 15001")
        let next = try await store.acquireLease(
            on: "shop",
            for: Sample.holder("other"),
            takeover: .onlyIfFree,
            floor: 0,
            at: Sample.now
        )
        #expect(next.fence == lease.fence + 1)
        try await lab.sql("UPDATE bgdeploy.leases SET expires = expires - 10000")
        try await store.renew(next, at: Sample.now)
        let renewed = try await store.lease(on: "shop")
        #expect(try #require(renewed).expires >= next.expires)
    }

    @Test func `a holder of this host whose process has ended is replaced at once`() async throws {
        let lab = try await PostgresLab()
        let store = try await PostgresRunStore(url: lab.url())
        let me = Sample.holder()
        let dead = LeaseHolder(
            host: me.host,
            boot: me.boot,
            process: me.process,
            startTicks: me.startTicks + 1,
            actor: me.actor,
            purpose: "gone"
        )
        let first = try await store.acquireLease(
            on: "shop",
            for: dead,
            takeover: .onlyIfFree,
            floor: 0,
            at: Sample.now
        )
        let next = try await Sample.lease(store)
        #expect(next.fence == first.fence + 1)
    }
}

extension PostgresLab {
    fileprivate func connections() async throws -> String {
        try await value(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'bgdeploy%'
            """
        ) ?? ""
    }
}
