import DeployCore
import DeployPorts
import Foundation
import JournalFormat
import PostgresClient
import ServiceLab
import StorePostgres
import Testing

/// Gives every test of a suite the same real PostgreSQL, in which each makes a database of its own.
struct JournalServer: SuiteTrait, TestScoping {
    @TaskLocal static var server: PostgresAccess?

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        let server = try await onThread { try PostgresServer() }
        defer { server.stop() }
        try await Self.$server.withValue(server.access, operation: function)
    }
}

extension Trait where Self == JournalServer {
    static var journalServer: Self { Self() }
}

struct NeverTrue: Error { let query: String }

/// A database for one journal.
struct PostgresLab: Sendable {
    static let generous = Duration.seconds(60)

    let server: PostgresAccess
    let database: String

    init() async throws {
        server = try #require(JournalServer.server)
        database = "d" + UUID().uuidString.lowercased().replacing("-", with: "")
        let session = try await PostgresSession.open(
            PostgresAddress(server.url()),
            named: "lab",
            within: Self.generous
        )
        defer { session.close() }
        // Two that copy the template at once get in each other's way.
        try await session.run("SELECT pg_advisory_lock(7)", commits: true, within: Self.generous)
        try await session.run("CREATE DATABASE \(database)", commits: true, within: Self.generous)
    }

    func url(user: String = "postgres", password: String? = nil, host: String? = nil) -> String {
        server.url(user: user, password: password)
            .replacing("/postgres?", with: "/\(database)?")
            .replacing("host=\(server.folder)", with: "host=\(host ?? server.folder)")
    }

    func store(
        isAlive: @escaping @Sendable (LeaseHolder) -> Bool? = ProcessIdentity.isAlive,
        host: String? = nil
    ) async throws -> PostgresRunStore {
        try await PostgresRunStore(url: url(host: host), isAlive: isAlive, leaseClock: .caller)
    }

    func open() async throws -> PostgresSession {
        try await PostgresSession.open(PostgresAddress(url()), named: "other", within: Self.generous)
    }

    func sql(_ script: String) async throws {
        let session = try await open()
        defer { session.close() }
        try await session.run(script, commits: true, within: Self.generous)
    }

    /// The first value of the first row.
    func value(_ query: String) async throws -> String? {
        let session = try await open()
        defer { session.close() }
        return try await session.query(query, within: Self.generous).first?.first?.value
    }

    /// Waits until `query` answers `t`.
    func wait(until query: String) async throws {
        let end = ContinuousClock.now + Self.generous
        while try await value(query) != "t" {
            guard ContinuousClock.now < end else { throw NeverTrue(query: query) }
            await Pause.wait(milliseconds: 20)
        }
    }
}

enum Sample {
    static let now = Timestamp(milliseconds: 1_767_225_600_000)
    static let actor = DeployCore.Actor("ana@ci-7")

    static func holder(_ purpose: String = "run v2.5.0") -> LeaseHolder {
        ProcessIdentity.current(actor: actor, purpose: purpose)
    }

    static func started(_ service: String = "shop") throws -> RunEvent {
        let plan = Plan(
            service: service,
            version: try #require(Version(rawValue: "v2.5.0")),
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: [.shift(phase: .instant)]
        )
        return RunEvent(at: now, .started(plan: plan))
    }

    static func succeeded(_ effect: Int) -> RunEvent {
        RunEvent(
            at: now.advanced(by: .seconds(Int64(effect))),
            .succeeded(effect: effect, captures: ["id": "42"], summary: "green has 25 %")
        )
    }

    static func lease(_ store: any RunStore, on service: String = "shop") async throws -> Lease {
        try await store.acquireLease(
            on: service,
            for: holder(),
            takeover: .onlyIfFree,
            floor: 0,
            at: now
        )
    }

    /// A run of `count` entries, and its lease.
    @discardableResult
    static func run(
        _ name: String,
        entries count: Int,
        in store: any RunStore,
        on service: String = "shop",
        under known: Lease? = nil
    ) async throws -> Lease {
        var lease = known
        if lease == nil { lease = try await self.lease(store, on: service) }
        guard let lease else { throw RunStoreError.leaseLost }
        let run = RunID(rawValue: name)
        _ = try await store.open(
            run,
            event: try started(service),
            effects: [PendingEffect(id: 1, effect: .route(candidate: .full))],
            playbook: "service: \(service)\n",
            lease: lease
        )
        for number in 1..<max(1, count) {
            _ = try await store.append(
                succeeded(number),
                effects: [PendingEffect(id: number + 1, effect: .drain(until: now))],
                to: run,
                lease: lease
            )
        }
        return lease
    }
}

func error(of body: () async throws -> Void) async -> RunStoreError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RunStoreError
    }
}
