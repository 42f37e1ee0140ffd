import ChildProcesses
import Foundation
import Testing

/// A temporary folder of a test's own; ``OwnFolder`` makes it and takes it away.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "supervision-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        path = url.path
    }

    @TaskLocal static var current: Scratch?

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file(name)) ?? Data(), as: UTF8.self)
    }

    func allBytes() -> [(name: String, bytes: [UInt8])] {
        (FileManager.default.subpaths(atPath: path) ?? []).compactMap { name in
            FileManager.default.contents(atPath: file(name)).map { (name, Array($0)) }
        }
    }
}

/// Gives every test of a suite its own folder and removes it before the test counts as ended: an object's end
/// may come after the last test's, when the process is already going down.
struct OwnFolder: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing body: @Sendable () async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try await Scratch.$current.withValue(scratch) { try await body() }
    }
}

extension Trait where Self == OwnFolder {
    static var ownFolder: Self { Self() }
}

/// The executable that the package builds beside the tests and that becomes the supervisor.
func supervisorFixture() throws -> String {
    let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(filePath: here).deletingLastPathComponent().appending(path: "supervisor-fixture").path
}

/// Asks until `condition` holds; a failure after ten seconds.
func eventually(_ what: String, _ condition: () -> Bool) async throws {
    for _ in 0..<1000 {
        if condition() { return }
        _ = try await ShortCommand.run(["sleep", "0.01"], deadline: 5000)
    }
    Issue.record("never came true: \(what)")
}

func isAlive(_ process: String) -> Bool {
    guard let number = Int32(process.trimmingCharacters(in: .whitespacesAndNewlines)) else { return false }
    guard let stat = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8) else {
        return false
    }
    return !stat.contains(") Z ")
}

extension StepOrder {
    static func shell(
        _ script: String,
        deadline: Int = 60_000,
        grace: Int = 5000,
        secrets: [String] = [],
        headLimit: Int = 4_194_304,
        tailLimit: Int = 1_048_576
    ) -> StepOrder {
        StepOrder(
            arguments: ["/bin/sh", "-c", script],
            environment: ["PATH": "/usr/bin:/bin"],
            folder: "/",
            deadlineMilliseconds: deadline,
            graceMilliseconds: grace,
            secrets: secrets,
            headLimit: headLimit,
            tailLimit: tailLimit
        )
    }
}
