import DeployPorts
internal import Foundation

/// The SQL files of a tool's folder.
struct ToolFiles {
    /// In the order of their numbers.
    let names: [String]
    private let folder: String
    private let root: String

    /// `folder` may be relative to `root`, the playbook's.
    init(below folder: String, in root: String) {
        self.folder = folder
        self.root = root
        names = ((try? FileManager.default.contentsOfDirectory(atPath: Self.path(folder, in: root))) ?? [])
            .filter { $0.hasSuffix(".sql") }
            .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    }

    /// What the tool calls `name` and keeps in the file whose name begins so.
    func migration(named name: String, beginning: String) -> SchemaOutlook.Migration {
        guard let file = names.first(where: { $0.hasPrefix(beginning) }) else {
            return SchemaOutlook.Migration(name: name)
        }
        let path = "\(folder)/\(file)"
        return SchemaOutlook.Migration(name: name, path: path, sql: Self.text(at: path, in: root))
    }

    /// A file's SQL with its lines where they stand; `nil` for what is no SQL or cannot be read.
    static func text(at file: String, in root: String) -> String? {
        guard file.hasSuffix(".sql") else { return nil }
        return (try? MigrationFile(reading: path(file, in: root))).map { upwards($0.text) }
    }

    /// The text up to the mark with which tools begin the way down.
    static func upwards(_ text: String) -> String { String(text[..<wayDown(in: text)]) }

    /// What undoes it; `nil` where the text has no such part.
    static func downwards(_ text: String) -> String? {
        let start = wayDown(in: text)
        return start == text.endIndex ? nil : String(text[start...])
    }

    private static func wayDown(in text: String) -> String.Index {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .first(where: isWayDown)?.startIndex ?? text.endIndex
    }

    private static func isWayDown(_ line: Substring) -> Bool {
        let words = line.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return ["-- migrate:down", "-- +goose down", "-- +migrate down"].contains(where: words.hasPrefix)
    }

    /// `[X] name` for what is applied and `[ ] name` for what is pending, a line each.
    static func checklist(_ text: String) -> (applied: [String], pending: [String]) {
        var (applied, pending): ([String], [String]) = ([], [])
        for line in text.split(whereSeparator: \.isNewline) {
            let name = line.dropFirst(3).split(separator: " ").first.map(String.init)
            guard let name else { continue }
            if line.hasPrefix("[X]") { applied.append(name) }
            if line.hasPrefix("[ ]") { pending.append(name) }
        }
        return (applied, pending)
    }

    /// The database is ahead of this release.
    static func unknownHead(_ head: String, _ title: String) -> StepFailure {
        StepFailure(
            "\(title): the database is at \(head), which this release does not know: somebody has migrated it "
                + "with a newer one. Nothing was started; release that version, or one that knows \(head)",
            isTransient: false
        )
    }

    private static func path(_ path: String, in root: String) -> String {
        path.hasPrefix("/") ? path : "\(root)/\(path)"
    }
}
