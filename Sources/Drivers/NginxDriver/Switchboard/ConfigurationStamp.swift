import Glibc
import SafeFile

/// What tells one state of a file from another without reading it.
struct FileStamp: Hashable, Sendable {
    let inode: UInt64
    let size: Int64
    let modified: FileTime
    /// When its text or anything else about it changed last: nobody can set that.
    let changed: FileTime

    /// `nil` when there is no file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Self.time(status.st_mtim)
        changed = Self.time(status.st_ctim)
    }

    var text: String { "\(inode) \(size) \(modified.nanoseconds) \(changed.nanoseconds)" }

    private static func time(_ time: timespec) -> FileTime {
        FileTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// What tells one state of a whole configuration from another: its files, and the names where an `include` may
/// take in new ones.
struct ConfigurationStamp: Hashable, Sendable {
    private var files: [String: FileStamp?]
    private let folders: [String: [String]]

    init(_ tree: ConfigurationTree) {
        let paths = tree.files.flatMap(\.names)
        files = Dictionary(paths.map { ($0, FileStamp($0)) }) { first, _ in first }
        folders = Dictionary(uniqueKeysWithValues: tree.folders.map { ($0, Self.names(in: $0)) })
    }

    /// Whether nothing has happened to the configuration since.
    var isCurrent: Bool {
        files.allSatisfy { FileStamp($0.key) == $0.value }
            && folders.allSatisfy { Self.names(in: $0.key) == $0.value }
    }

    /// Takes a change of one file as known: bgdeploy's own.
    mutating func renew(_ path: String) {
        for name in files.keys where name == path || (try? SafeFile.resolve(name)) == path {
            files[name] = FileStamp(name)
        }
    }

    /// Without those that begin with a dot, which no wildcard matches.
    static func names(in folder: String) -> [String] {
        FolderList.names(in: folder).filter { !$0.hasPrefix(".") }.sorted()
    }
}
