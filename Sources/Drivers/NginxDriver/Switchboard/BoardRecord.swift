import BalancerFiles
import SafeFile

/// What was installed, kept beside the user's file: an emergency has no time, and perhaps no DNS, for `nginx
/// -T`.
///
/// Persisted as JSON; a key is never renamed, new ones are optional.
struct BoardRecord: Hashable, Codable, Sendable {
    static let httpName = "http.conf"
    static let serverName = "server.conf"

    struct Part: Hashable, Codable, Sendable {
        var path: String
        /// SHA-256 of what bgdeploy wrote.
        var digest: String
    }

    /// Our two files.
    var http: Part
    var server: Part
    /// The files that include them.
    var users: [String]

    static func path(_ keeper: MarkKeeper) -> String { keeper.file.sidePath("board") }

    /// Whether the files of the configuration still include ours: a template may have been written over them.
    var isWired: Bool {
        let texts = users.compactMap { try? SafeFile.read($0).bytes }
        return [http.path, server.path].allSatisfy { path in
            FileStamp(path) != nil && texts.contains { Self.contains($0, "include \(path);") }
        }
    }

    /// Our files that are not as we wrote them.
    var driftedFiles: [String] {
        [http, server].filter { (try? SafeFile.read($0.path).digest) != $0.digest }.map(\.path)
    }

    private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        let wanted = Array(text.utf8)
        var rest = bytes[...]
        while let start = rest.firstIndex(of: wanted[0]) {
            if rest[start...].starts(with: wanted) { return true }
            rest = rest[(start + 1)...]
        }
        return false
    }
}
