import DeployCore
import DeployPorts
import Foundation
import PostgresClient
import ServiceLab
import Synchronization
import Testing

@testable import Migrations

/// A database, a folder of migrations, and what a step says of them.
final class ApplyLab: Sendable {
    static let generous = Duration.seconds(60)

    let server: PostgresAccess
    let database: String
    let folder: Folder
    let reports = Mutex<[String]>([])
    let notes = Mutex<[Note]>([])

    /// Runs `body` in a lab that is removed.
    static func run(
        _ files: [String: String] = [:],
        _ body: (ApplyLab) async throws -> Void
    ) async throws {
        let lab = try await ApplyLab(files)
        defer { lab.folder.remove() }
        try await body(lab)
    }

    private init(_ files: [String: String]) async throws {
        server = try #require(RealPostgres.server)
        database = "d" + UUID().uuidString.lowercased().replacing("-", with: "")
        folder = try Folder()
        let session = try await PostgresSession.open(
            PostgresAddress(server.url()),
            named: "lab",
            within: Self.generous
        )
        defer { session.close() }
        // Two that copy the template at once get in each other's way.
        try await session.run("SELECT pg_advisory_lock(7)", commits: true, within: Self.generous)
        try await session.run("CREATE DATABASE \(database)", commits: true, within: Self.generous)
        for (name, text) in files { try write(text, name) }
    }

    func write(_ text: String, _ name: String) throws { _ = try folder.write(text, to: name) }

    func url(user: String = "postgres", password: String? = nil, host: String? = nil) -> String {
        server.url(user: user, password: password)
            .replacing("/postgres?", with: "/\(database)?")
            .replacing("host=\(server.folder)", with: "host=\(host ?? server.folder)")
    }

    var tool: SQLFolder { SQLFolder(folder: folder.path, title: "sql migrations") }

    func target(url: String? = nil, _ limits: MigrationLimits = MigrationLimits()) -> MigrationDatabase {
        MigrationDatabase(url: url ?? self.url(), values: Values(), limits: limits)
    }

    func attempt(_ name: String = "migrate.apply", within deadline: Span = .seconds(120)) -> StepAttempt {
        attempt(name, within: deadline, Values())
    }

    private func attempt(_ name: String, within deadline: Span, _ values: Values) -> StepAttempt {
        StepAttempt(
            run: RunID(rawValue: "run-\(database.prefix(9))"),
            step: StepID(rawValue: name),
            number: 1,
            deadline: deadline,
            values: values,
            folder: folder.path,
            report: { [self] line in reports.withLock { $0.append(line) } },
            note: { [self] note in notes.withLock { $0.append(note) } }
        )
    }

    func up(
        _ name: String = "migrate.apply",
        url: String? = nil,
        _ limits: MigrationLimits = MigrationLimits(),
        within deadline: Span = .seconds(120)
    ) async throws(StepFailure) {
        try await tool.up(target(url: url, limits), attempt(name, within: deadline))
    }

    /// What `up` fails with.
    func failedUp() async -> StepFailure? {
        await failed { () throws(StepFailure) in try await up() }
    }

    /// The whole step, with its watch.
    func step(
        _ limits: MigrationLimits = MigrationLimits(),
        user: String = "postgres",
        judged: String? = nil
    ) async throws(StepFailure) -> StepResult {
        let template: Template
        do throws(Template.Unclosed) {
            template = try Template("${secret.URL}")
        } catch {
            throw StepFailure("\(error)")
        }
        var values = Values(secrets: ["secret.URL": url(user: user)])
        values.plain["steps.lint.migrations"] = judged
        return try await ApplyStep(tool: tool, database: template, limits: limits)
            .perform(attempt("migrate.apply", within: .seconds(120), values))
    }

    var told: String { reports.withLock { $0.joined(separator: "\n") } }
    /// The names that were noted as applied.
    var applied: [String] { notes.withLock { $0.compactMap { $0.facts["applied"] } } }
    var journal: String { notes.withLock { $0.map(\.text).joined(separator: "\n") } }

    // MARK: the database

    func open(_ name: String = "user", as user: String = "postgres") async throws -> PostgresSession {
        try await PostgresSession.open(PostgresAddress(url(user: user)), named: name, within: Self.generous)
    }

    func sql(_ script: String) async throws {
        let session = try await open()
        defer { session.close() }
        try await session.run(script, commits: true, within: Self.generous)
    }

    /// The first value of the first row.
    func value(_ query: String) async throws -> String? {
        let session = try await open("asking")
        defer { session.close() }
        return try await session.query(query, within: Self.generous).first?.first?.value
    }

    /// Ends the back-ends of this database whose statement is like `pattern`.
    func terminate(_ pattern: String) async throws {
        try await sql(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '\(pattern)' AND pid <> pg_backend_pid()
            """
        )
    }

    /// Waits until `query` answers `t`.
    func wait(until query: String) async throws {
        let session = try await open("waiting")
        defer { session.close() }
        let end = ContinuousClock.now + Self.generous
        while try await session.query(query, within: Self.generous).first?.first?.value != "t" {
            guard ContinuousClock.now < end else {
                throw StepFailure("never came true: \(query)\n\(told)")
            }
            await Pause.wait(milliseconds: 20)
        }
    }

    func waitUntilTold(_ text: String) async throws {
        let end = ContinuousClock.now + Self.generous
        while !told.contains(text) {
            guard ContinuousClock.now < end else { throw StepFailure("never told: \(text)\n\(told)") }
            await Pause.wait(milliseconds: 20)
        }
    }

    func history() async throws -> String? {
        try await value(
            "SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM bgdeploy_migrations"
        )
    }
}

/// What `work` fails with.
func failed(_ work: () async throws(StepFailure) -> Void) async -> StepFailure? {
    do throws(StepFailure) {
        try await work()
        return nil
    } catch {
        return error
    }
}
