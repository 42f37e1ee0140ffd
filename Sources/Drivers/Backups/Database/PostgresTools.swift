import ChildProcesses
import DeployPorts
import Glibc

/// PostgreSQL's own programs on this host.
package struct PostgresTools: Sendable {
    /// Debian keeps them apart for each version: `/usr/lib/postgresql/15/bin`.
    private let root: String
    /// Where else they are looked for.
    private let path: String

    package static var installed: PostgresTools {
        PostgresTools(root: "/usr/lib/postgresql", path: ProcessTable.environment()["PATH"] ?? "")
    }

    package init(root: String, path: String = "") {
        self.root = root
        self.path = path
    }

    /// The programs of one version.
    struct Kit: Hashable, Sendable {
        let folder: String
        let major: Int

        var dump: String { "\(folder)/pg_dump" }
        var restore: String { "\(folder)/pg_restore" }
        var psql: String { "\(folder)/psql" }
    }

    /// The oldest that are not older than `major`: an older pg_dump refuses a server, and what a newer pg_restore
    /// sets an older server may not know.
    func kit(for major: Int) async throws(StepFailure) -> Kit {
        let kits = kept()
        let found = kits.filter { $0.major >= major }.min { $0.major < $1.major }
        if let found { return found }
        let inPath = await kitInPath()
        if let inPath, inPath.major >= major { return inPath }
        let others = (kits + [inPath].compactMap(\.self)).map { "\($0.major) in \($0.folder)" }
        let what = others.isEmpty ? "none is installed" : "there is \(others.joined(separator: ", "))"
        throw StepFailure(
            "the server is PostgreSQL \(major), and pg_dump, pg_restore and psql must not be older; \(what): "
                + "apt-get install postgresql-client-\(major)",
            isTransient: false
        )
    }

    private func kept() -> [Kit] {
        FolderListing.names(in: root).compactMap { name in
            guard let major = Int(name) else { return nil }
            return kit(in: "\(root)/\(name)/bin", major)
        }
    }

    private func kitInPath() async -> Kit? {
        for folder in path.split(separator: ":").map(String.init) where folder.hasPrefix("/") {
            guard let kit = kit(in: folder, 0) else { continue }
            // pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
            let outcome = try? await ShortCommand.run([kit.dump, "--version"], deadline: 10_000)
            let word = outcome?.output.split(separator: " ").dropFirst(2).first
            if let major = word.flatMap({ Int($0.prefix(while: \.isNumber)) }) {
                return Kit(folder: folder, major: major)
            }
        }
        return nil
    }

    private func kit(in folder: String, _ major: Int) -> Kit? {
        let kit = Kit(folder: folder, major: major)
        let programs = [kit.dump, kit.restore, kit.psql]
        return programs.allSatisfy { access($0 as String, X_OK) == 0 } ? kit : nil
    }
}

enum FolderListing {
    /// The names in it, sorted; none when it cannot be read.
    static func names(in folder: String) -> [String] {
        guard let list = opendir(folder) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let entry = readdir(list) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
