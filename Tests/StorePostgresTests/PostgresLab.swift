import DeployPorts
import Foundation
import JournalFormat
import PostgresClient
import ServiceLab
import StorePostgres
import Testing

struct NeverTrue: Error { let query: String }

/// A database for one journal.
struct PostgresLab: Sendable {
    static let generous = Duration.seconds(60)

    let server: PostgresAccess
    let database: String

    init() async throws {
        server = try #require(RealPostgres.server)
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
