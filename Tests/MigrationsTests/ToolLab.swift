@testable import Migrations
import DeployCore
import DeployPorts
import Foundation
import PostgresClient
import ServiceLab
import Synchronization
import Testing

/// A playbook's folder and databases of a test's own.
struct ToolLab {
    let access: PostgresAccess
    let folder: Folder
    let heard = Heard()

    /// Makes the folder and the databases, hands both to `body` and takes the folder away.
    static func run(_ databases: String..., body: (ToolLab) async throws -> Void) async throws {
        let lab = ToolLab(access: try #require(RealPostgres.server), folder: try Folder())
        defer { lab.folder.remove() }
        for name in databases {
            try lab.psql("create database \"\(lab.name(name))\"", in: "postgres")
        }
        try await body(lab)
    }

    private func name(_ database: String) -> String { "\(database)-\(folder.path.suffix(12))" }

    /// Of a database that ``run`` has made.
    func url(_ database: String, user: String = "postgres", password: String? = nil) -> String {
        access.url(user: user, password: password)
            .replacing("@/postgres", with: "@localhost/\(name(database))")
    }

    func database(_ name: String, secrets: [String: String] = [:]) -> MigrationDatabase {
        database(at: url(name), secrets: secrets)
    }

    func database(at url: String, secrets: [String: String] = [:]) -> MigrationDatabase {
        MigrationDatabase(url: url, values: Values(secrets: secrets), limits: MigrationLimits())
    }

    var launch: ToolLaunch {
        get throws {
            let path = "\(folder.path):/usr/bin:/bin"
            return ToolLaunch(
                folder: folder.path,
                supervisor: try Self.supervisor(),
                inherited: ["PATH": path, "HOME": folder.path]
            )
        }
    }

    /// The executable that the package builds beside the tests and that becomes the supervisor.
    static func supervisor() throws -> String {
        let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: here).deletingLastPathComponent().appending(path: "supervisor-fixture").path
    }

    func attempt(
        _ number: Int = 1,
        values: Values = Values(),
        isDetaching: @escaping @Sendable () -> Bool = { false }
    ) throws -> StepAttempt {
        let folder = "\(folder.path)/step"
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        return StepAttempt(
            run: RunID(rawValue: "RUN1"),
            step: StepID(rawValue: "migrate/1"),
            number: number,
            deadline: .minutes(2),
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: { [heard] in heard.append($0) },
            note: { [heard] in heard.append($0) }
        )
    }

    // MARK: the database, past everything that is tested

    func psql(_ statement: String, in database: String) throws {
        let command = ["psql", "-qAtX", "-h", access.folder, "-U", "postgres", database, "-c", statement]
        _ = try Program.output(command)
    }

    /// What a query answers, unaligned.
    func ask(_ query: String, in database: String) throws -> String {
        let command = ["psql", "-qAtX", "-h", access.folder, "-U", "postgres", name(database), "-c", query]
        return try Program.output(command)
    }

    // MARK: files

    /// Writes a file below the folder, with the folders on the way.
    @discardableResult
    func write(_ text: String, to path: String, isProgram: Bool = false) throws -> String {
        let file = URL(filePath: "\(folder.path)/\(path)")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: file)
        if isProgram {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
        return file.path
    }

    /// All that steps have written below the folder of their artifacts.
    func artifacts() -> [String] {
        (FileManager.default.subpaths(atPath: "\(folder.path)/step") ?? []).compactMap {
            FileManager.default.contents(atPath: "\(folder.path)/step/\($0)")
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }
}

/// What a step has reported and noted.
final class Heard: Sendable {
    private let state = Mutex<(lines: [String], notes: [Note])>(([], []))

    var lines: [String] { state.withLock(\.lines) }
    var notes: [Note] { state.withLock(\.notes) }
    func append(_ line: String) { state.withLock { $0.lines.append(line) } }
    func append(_ note: Note) { state.withLock { $0.notes.append(note) } }
}

extension Program {
    /// What a program that has to succeed prints on both of its outputs, without the last line's end.
    fileprivate static func output(_ arguments: [String]) throws -> String {
        let folder = try Folder()
        defer { folder.remove() }
        let program = try Program(arguments, in: folder, name: "output")
        try program.waitForSuccess()
        return program.output.trimmingCharacters(in: .newlines)
    }
}

/// The failure of `work`; an issue when there is none.
func stepFailure(
    _ location: SourceLocation = #_sourceLocation,
    of work: () async throws -> Void
) async throws -> StepFailure {
    do {
        try await work()
    } catch let failure as StepFailure {
        return failure
    }
    return try #require(nil as StepFailure?, "nothing failed", sourceLocation: location)
}

extension Parameter {
    static func text(_ text: String) -> Parameter {
        .scalar(Scalar(text: text, isQuoted: false, position: .unknown))
    }

    static func texts(_ texts: String...) -> Parameter { .list(texts.map(text), position: .unknown) }

    static func map(_ entries: KeyValuePairs<String, Parameter>) -> Parameter {
        .map(
            entries.map { Entry(key: $0.key, keyPosition: .unknown, value: $0.value) },
            position: .unknown
        )
    }
}
