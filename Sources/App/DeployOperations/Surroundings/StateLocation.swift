import Foundation

/// Where journal and artifacts live.
package struct StateLocation: Equatable, Sendable {
    package enum Journal: Equatable, Sendable {
        /// A file's path.
        case sqlite(String)
        /// A URL, which may have a password in it.
        case postgres(String)
    }

    package let journal: Journal
    /// The folder of the artifacts of runs, on this host.
    package let runs: String

    /// `sqlite:PATH` or `postgresql://…`; `nil` chooses the file `state.db` in the default folder.
    ///
    /// The default folder is `/var/lib/bgdeploy` for root, `$XDG_STATE_HOME/bgdeploy` else; artifacts lie beside
    /// the journal's file, and there when the journal is a database.
    package init(_ url: String?, environment: [String: String], isRoot: Bool) throws(CommandFailure) {
        let folder = Self.defaultFolder(environment, isRoot: isRoot)
        guard let url else {
            self.init(file: folder + "/state.db")
            return
        }
        if ["postgresql://", "postgres://"].contains(where: url.hasPrefix) {
            self.init(journal: .postgres(url), runs: folder + "/runs")
            return
        }
        guard url.hasPrefix("sqlite:"), url.count > "sqlite:".count else {
            // What is no URL may still have a password in it.
            let shown = url.contains("@") ? String(url.prefix { $0 != ":" }) + ":…" : url
            throw CommandFailure(
                .usage,
                "--state: `\(shown)` is not a state store; expected sqlite:PATH or postgresql://HOST/DATABASE"
            )
        }
        let path = String(url.dropFirst("sqlite:".count))
        self.init(file: path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path)
    }

    private init(file: String) {
        self.init(
            journal: .sqlite(file),
            runs: (file as NSString).deletingLastPathComponent + "/runs"
        )
    }

    private init(journal: Journal, runs: String) {
        self.journal = journal
        self.runs = runs
    }

    private static func defaultFolder(_ environment: [String: String], isRoot: Bool) -> String {
        if isRoot { return "/var/lib/bgdeploy" }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/bgdeploy" }
        return (environment["HOME"] ?? "/") + "/.local/state/bgdeploy"
    }
}
