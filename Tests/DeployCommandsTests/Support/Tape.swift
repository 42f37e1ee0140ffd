@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployEngine
import DeployPorts
import Foundation
import Synchronization
import Testing

/// What was printed, read back from a file of its own.
final class Tape {
    let printer: Printer
    private let path: String
    private let descriptor: Int32

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tape-\(UUID().uuidString)"
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        printer = Printer(descriptor)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    var text: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// Folds what it is told into a model.
final class ModelObserver: RunObserver {
    private let folded = Mutex(LiveModel())

    var model: LiveModel { folded.withLock { $0 } }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        folded.withLock { $0.recorded(entry, before: before, after: after) }
    }

    func output(_ line: String, of step: StepID) { folded.withLock { $0.output(line, of: step) } }
    func watched(_ figures: TrafficFigures) { folded.withLock { $0.watched(figures) } }
    func draining(connections: Int) { folded.withLock { $0.draining(connections: connections) } }
}

/// A text that is to stay as it is.
///
/// `BGDEPLOY_RECORD=1` writes the files anew; read the difference before keeping it.
enum Snapshot {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appending(path: "Snapshots")

    static func check(_ text: String, _ name: String, at location: SourceLocation = #_sourceLocation) throws {
        let file = folder.appending(path: "\(name).txt")
        let isRecording = ProcessInfo.processInfo.environment["BGDEPLOY_RECORD"] == "1"
        if isRecording { try Data(text.utf8).write(to: file) }
        let expected = try String(contentsOf: file, encoding: .utf8)
        let isSame = text == expected
        #expect(isSame, "\(name) was:\n\(expected)\nand is:\n\(text)", sourceLocation: location)
    }

    /// Times of day as seconds since the script began, so that a time zone changes nothing.
    static func relative(_ text: String) -> String {
        func seconds(_ clock: Substring) -> Int {
            clock.split(separator: ":").compactMap { Int($0) }.reduce(0) { $0 * 60 + $1 }
        }
        let begin = seconds(Clock.time(Script.begin)[...])
        let local = text.replacing(/\d{4}-\d\d-\d\dT[\d:.]+Z/, with: "UTC TIME")
        let dated = local.replacing(/\d{4}-\d\d-\d\d \d\d:\d\d/, with: "DATE")
        return dated.replacing(/\d\d:\d\d:\d\d/) { match in
            let span = (seconds(match.output) - begin + 86400) % 86400
            let digits = "\(span)"
            return "T+" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        }
    }
}
