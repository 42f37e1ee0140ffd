import DeployCore
public import DeployPorts
import Foundation
import ServiceLab
import Synchronization
import Testing

@testable import Backups

/// A database of a test's own on the shared server, a folder for backups, and steps made of a playbook's words.
final class BackupBench: Sendable {
    let folder: Folder
    let access: PostgresAccess
    let database: String
    let kit: PostgresTools.Kit
    /// Of the steps that were carried out.
    private let told = Mutex((lines: [String](), notes: [Note]()))

    /// `users` with 3,000 rows, `sessions` and a table without rows, with names that want quotes.
    static func make(rows: Int = 3000) async throws -> BackupBench {
        let access = try #require(RealPostgres.server)
        let bench = try await BackupBench(access, kit: PostgresTools.installed.kit(for: 10))
        _ = try await bench.sql("create database \(bench.database)", in: "postgres")
        _ = try await bench.sql(
            """
            create table users (id text primary key, name text, born timestamptz default now());
            insert into users select n::text, 'name ' || n from generate_series(1, \(rows)) n;
            create table sessions (a int, b int, data bytea, primary key (b, a));
            insert into sessions select n, n % 7, sha256(n::text::bytea) from generate_series(1, 50) n;
            create schema "odd schema"; create table "odd schema"."Odd ""table" (t text);
            create view names as select name from users;
            create table parts (n int, t text) partition by range (n);
            create table part_one partition of parts for values from (0) to (100);
            insert into parts select n, 'x' from generate_series(1, 10) n;
            grant connect on database \(bench.database) to guarded;
            grant usage on schema public, "odd schema" to guarded;
            grant select on all tables in schema public, "odd schema" to guarded;
            """
        )
        return bench
    }

    private init(_ access: PostgresAccess, kit: PostgresTools.Kit) throws {
        folder = try Folder()
        self.access = access
        self.kit = kit
        database = "app_\(UUID().uuidString.prefix(8).lowercased())"
    }

    deinit { folder.remove() }

    var lines: [String] { told.withLock(\.lines) }
    var notes: [Note] { told.withLock(\.notes) }
    var backups: String { "\(folder.path)/backups" }
    var files: [String] { FolderListing.names(in: backups) }

    func url(user: String = "postgres", password: String? = nil) -> String {
        access.url(user: user, password: password).replacing("/postgres?", with: "/\(database)?")
    }

    /// What `psql` answers.
    @discardableResult
    func sql(_ text: String, in other: String? = nil) async throws -> String {
        let session = try PsqlSession(DatabaseServer(url: url()), kit, database: other ?? database)
        let lines = try await session.ask("\(text);", until: .now + .seconds(60))
        await session.end()
        return lines.joined(separator: "\n")
    }

    /// Databases of drills that are still there for `run`.
    func drills(of run: String) async throws -> String {
        try await sql("select datname from pg_database where datname like '%\\_\(self.run(run))'")
    }

    /// Tools where `pg_dump` and `pg_restore` are scripts; in them `$REAL` is the folder of the real ones.
    func tools(_ scripts: [String: String]) throws -> PostgresTools {
        let bin = "\(folder.path)/tools/\(kit.major)/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        for program in ["pg_dump", "pg_restore", "psql"] {
            let path = "\(bin)/\(program)"
            guard let script = scripts[program] else {
                try FileManager.default.createSymbolicLink(
                    atPath: path,
                    withDestinationPath: "\(kit.folder)/\(program)"
                )
                continue
            }
            try Data("#!/bin/sh\nREAL=\(kit.folder)\nLAB=\(folder.path)\n\(script)\n".utf8)
                .write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        return PostgresTools(root: "\(folder.path)/tools")
    }

    func step(
        _ keys: [String: Parameter] = [:],
        service: String = "mina",
        tools: PostgresTools = .installed
    ) throws -> any StepAction {
        let all = ["postgres": "${secret.DB}", "to": "backups/"].merging(keys) { $1 }
        return try Words.step(BackupStep.kind(tools: tools), all, service: service, folder: folder.path)
    }

    /// A run of this test's own: others use the same server.
    func run(_ name: String) -> String { "\(name)_\(database.suffix(8))" }

    func attempt(
        run: String = "r1",
        secrets: [String: String] = [:],
        deadline: Span = .minutes(5)
    ) -> StepAttempt {
        StepAttempt(
            run: RunID(rawValue: self.run(run)),
            step: StepID(rawValue: "migrate/1"),
            number: 1,
            deadline: deadline,
            values: Values(
                plain: ["version": "v2"],
                secrets: ["secret.DB": url()].merging(secrets) { $1 }
            ),
            folder: folder.path,
            report: { [self] line in told.withLock { $0.lines.append(line) } },
            note: { [self] note in told.withLock { $0.notes.append(note) } }
        )
    }

    /// The message of the failure in which the step ends.
    func failure(_ step: any StepAction, _ attempt: StepAttempt) async throws -> String {
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(attempt) }
        return try #require(failure).message
    }

    func manifest(_ result: StepResult) throws -> BackupManifest {
        let file = try #require(result.captures["file"])
        let data = try Data(contentsOf: URL(filePath: file + ".json"))
        return try #require(BackupManifest(json: Array(data)))
    }
}

/// Parameters of a playbook, written as Swift's literals.
enum Words {
    struct Undecodable: Error { let messages: [String] }

    static func decode(
        _ kind: StepKind,
        _ keys: [String: Parameter],
        service: String,
        folder: String
    )
        -> (action: (any StepAction)?, messages: [String])
    {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .migrate, service: service, folder: folder, publicURL: nil)
        let entries = keys.sorted { $0.key < $1.key }
            .map { Parameter.Entry(key: $0.key, keyPosition: .unknown, value: $0.value) }
        let action = kind.make(.map(entries, position: .unknown), [], context, diagnostics)
        return (action, diagnostics.all.map(\.message))
    }

    static func step(
        _ kind: StepKind,
        _ keys: [String: Parameter],
        service: String,
        folder: String
    ) throws
        -> any StepAction
    {
        let (action, messages) = decode(kind, keys, service: service, folder: folder)
        guard let action else { throw Undecodable(messages: messages) }
        return action
    }
}

extension Parameter: ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    public init(stringLiteral text: String) {
        self = .scalar(Scalar(text: text, isQuoted: true, position: .unknown))
    }

    public init(arrayLiteral items: Parameter...) { self = .list(items, position: .unknown) }
}
