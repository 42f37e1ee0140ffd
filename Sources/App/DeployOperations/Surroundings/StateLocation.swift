import Foundation

/// Where journal and artifacts live.
package struct StateLocation: Equatable {
    /// The SQLite file.
    package let file: String

    /// `sqlite:PATH`; `nil` chooses the default: `/var/lib/bgdeploy` for root, `$XDG_STATE_HOME/bgdeploy` else.
    package init(_ url: String?, environment: [String: String], isRoot: Bool) throws(CommandFailure) {
        guard let url else {
            file = Self.defaultFolder(environment, isRoot: isRoot) + "/state.db"
            return
        }
        guard url.hasPrefix("sqlite:"), url.count > "sqlite:".count else {
            let hint =
                url.hasPrefix("postgres")
                ? "PostgreSQL is not available in this version of bgdeploy" : "expected sqlite:PATH"
            throw CommandFailure(.usage, "--state: `\(url)` is not a state store; \(hint)")
        }
        let path = String(url.dropFirst("sqlite:".count))
        file = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// Artifacts of runs.
    package var runs: String { (file as NSString).deletingLastPathComponent + "/runs" }

    private static func defaultFolder(_ environment: [String: String], isRoot: Bool) -> String {
        if isRoot { return "/var/lib/bgdeploy" }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/bgdeploy" }
        return (environment["HOME"] ?? "/") + "/.local/state/bgdeploy"
    }
}
