import DeployCore
package import DeployPorts
import Foundation
import Playbooks

/// The runbooks of this host: files in some folders.
package struct RunbookLibrary: Sendable {
    /// More files than this are not read.
    private static let fileLimit = 2000

    package struct Entry: Sendable {
        package let path: String
        /// The failure is of a file that means to be a runbook and has a mistake.
        package let runbook: Result<Service, CommandFailure>

        package var name: String? { (try? runbook.get())?.playbook.runbook?.name }
    }

    package let folders: [String]
    let clock: any Timekeeper

    /// `folders` are searched with all that they hold; those that are not there have none.
    package init(folders: [String], clock: any Timekeeper) {
        self.folders = folders
        self.clock = clock
    }

    /// In the order of the folders and of the paths in them.
    package func entries() -> [Entry] {
        var seen: Set<String> = []
        return folders.flatMap(files).compactMap { path in
            guard seen.insert(URL(filePath: path).standardizedFileURL.path).inserted else { return nil }
            return entry(at: path)
        }
    }

    private func files(in folder: String) -> [String] {
        guard let found = FileManager.default.enumerator(atPath: folder) else { return [] }
        var files: [String] = []
        for case let name as String in found where name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
            files.append("\(folder)/\(name)")
            if files.count == Self.fileLimit { break }
        }
        return files.sorted()
    }

    /// `nil` for a file that is no runbook.
    private func entry(at path: String) -> Entry? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            text.split(whereSeparator: \.isNewline).contains(where: Self.beginsRunbook)
        else { return nil }
        do throws(CommandFailure) {
            return Entry(path: path, runbook: .success(try Service(fileAt: path, clock: clock)))
        } catch {
            return Entry(path: path, runbook: .failure(error))
        }
    }

    /// Also where the file is JSON.
    private static func beginsRunbook(_ line: Substring) -> Bool {
        let rest = line.drop { " {".contains($0) }
        return ["runbook:", "\"runbook\":"].contains(where: rest.hasPrefix)
    }

    /// The runbook that is called so, or whose file it is.
    ///
    /// `.badInput` for a file with a mistake, `.usage` where no runbook or several are meant.
    package func runbook(_ reference: String) throws(CommandFailure) -> Service {
        let isFile = reference.contains("/") || reference.hasSuffix(".yml") || reference.hasSuffix(".yaml")
        guard !isFile else {
            let service = try Service(fileAt: reference, clock: clock)
            guard service.playbook.runbook == nil else { return service }
            throw CommandFailure(.badInput, "\(reference) is a playbook, no runbook: it has no `runbook:`")
        }
        let entries = entries()
        let found = entries.filter { $0.name == reference }
        if let first = found.first, found.count == 1 { return try first.runbook.get() }
        guard found.isEmpty else {
            let paths = found.map(\.path).joined(separator: ", ")
            throw CommandFailure(.usage, "several runbooks are called \(reference): name the file: \(paths)")
        }
        let names = entries.compactMap(\.name)
        let broken = entries.filter { $0.name == nil }.map(\.path)
        let unread = broken.isEmpty ? "" : "\nNot read, for a mistake: \(broken.joined(separator: ", "))"
        let nearest = Spelling.nearest(to: reference, among: names).map { "; did you mean `\($0)`?" }
        throw CommandFailure(
            .usage,
            """
            no runbook is called `\(reference)`\(nearest ?? "")
            Looked in \(folders.joined(separator: ", ")); `bgdeploy runbook` lists those that are there, --runbooks \
            DIR names another folder\(unread)
            """
        )
    }
}
