import DeployCore
import DeployOperations
import Foundation
import Testing

/// Artifacts of steps are removed after their time, and nothing else is.
struct PruningTests {
    private let root: String
    private let now = Timestamp(milliseconds: 1_795_000_000_000)

    private static let old = RunID(rawValue: "01M7YB58PD9FR1CY5H1SHPD2G5")
    private static let young = RunID(rawValue: "01M7YB58PD9FR1CY5H1SHPD2G6")
    private static let open = RunID(rawValue: "01M7YB58PD9FR1CY5H1SHPD2G7")

    init() throws {
        root = NSTemporaryDirectory() + "pruning-\(UUID().uuidString)"
        for run in [Self.old, Self.young, Self.open] { try make(run.rawValue, days: 91) }
        // An artifact that was written later than its folder was made.
        try age("\(Self.young)/prepare-1/1/output", days: 89)
        try make("not-a-run", days: 500)
        try make("01M7YB58PD9FR1CY5H1SHPD2GU", days: 500)
    }

    @Test func `what is too old goes, but for runs that are open`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let folders = StepFolders(root: root)
        let limit = Timestamp(milliseconds: now.milliseconds - StepFolders.keeping.milliseconds)
        #expect(folders.prune(before: limit, except: [Self.open]) == [Self.old])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: root).sorted()
                == [Self.young.rawValue, Self.open.rawValue, "01M7YB58PD9FR1CY5H1SHPD2GU", "not-a-run"]
        )
        #expect(folders.prune(before: limit, except: []) == [Self.open])
        #expect(folders.prune(before: limit, except: []) == [])
        #expect(FileManager.default.fileExists(atPath: "\(root)/\(Self.young)/prepare-1/1/output"))
    }

    @Test func `a folder that a link leads to is not touched`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let target = root + "/target"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        try Data("kept".utf8).write(to: URL(filePath: target + "/file"))
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/\(Self.old)/prepare-1/1/link",
            withDestinationPath: target
        )
        let later = Timestamp(milliseconds: Int64(Date.distantFuture.timeIntervalSince1970) * 1000)
        #expect(StepFolders(root: root).prune(before: later, except: []).contains(Self.old))
        #expect(FileManager.default.fileExists(atPath: target + "/file"))
    }

    @Test func `without any run there is nothing to do`() {
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(StepFolders(root: root + "/none").prune(before: now, except: []) == [])
    }

    private func make(_ name: String, days: Double) throws {
        let folder = "\(root)/\(name)/prepare-1/1"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("output".utf8).write(to: URL(filePath: folder + "/output"))
        for part in ["/prepare-1/1/output", "/prepare-1/1", "/prepare-1", ""] {
            try age(name + part, days: days)
        }
    }

    private func age(_ path: String, days: Double) throws {
        let time = Date(timeIntervalSince1970: Double(now.milliseconds) / 1000 - days * 86_400)
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: "\(root)/\(path)")
    }
}
