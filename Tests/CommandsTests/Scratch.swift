import ChildProcesses
import Foundation
import Testing

/// A temporary folder of a test's own, removed with it.
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

    deinit { try? FileManager.default.removeItem(atPath: path) }

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
