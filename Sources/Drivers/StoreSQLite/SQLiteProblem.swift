import DeployPorts
import GRDB
import Glibc
import SafeFile

/// Says what an error of SQLite means for the journal, and what to do.
struct SQLiteProblem {
    let file: JournalFile

    /// Free space below which an I/O error is taken for a full disk: SQLite reports some of those as such.
    private static let nothingLeft = 64 << 10

    func translated(_ error: any Error) -> RunStoreError {
        if let known = error as? RunStoreError { return known }
        guard let error = error as? DatabaseError else {
            return .unavailable("\(file.path) cannot be used: \(error)")
        }
        let path = file.path
        switch error.resultCode {
        case .SQLITE_FULL:
            return full
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            let owner = lockOwner().map { "process \($0)" } ?? "another process"
            return .unavailable("\(path) is locked by \(owner): wait until that ends, or end it")
        case .SQLITE_READONLY:
            return .unavailable(
                "\(path) cannot be written: make the file, its folder and its file system writable"
            )
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            return .unavailable(
                "\(path) cannot be opened: this user needs to read and write the file and its folder"
            )
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
            return .unreadable(
                "\(path) is damaged (\(error.message ?? "no reason given")): restore it from a backup"
            )
        case .SQLITE_IOERR:
            if let free = file.freeBytes, free < Self.nothingLeft { return full }
            return .unavailable(
                """
                the disk of \(path) failed (\(error.message ?? "I/O error"), code \
                \(error.extendedResultCode.rawValue)): look at the disk, then run `bgdeploy audit verify`
                """
            )
        default:
            return .unavailable("\(path): \(error.message ?? "SQLite's code \(error.resultCode.rawValue)")")
        }
    }

    /// Whether what was written before this error may or may not be on the disk, so that the connection must
    /// not be used again: after a failed fsync, a second one that succeeds proves nothing.
    func endsConnection(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError, error.resultCode == .SQLITE_IOERR else { return false }
        if case .full = translated(error) { return false }
        return true
    }

    private var full: RunStoreError {
        let left = file.freeBytes.map { " (\($0 >> 10) KiB left)" } ?? ""
        return .full("the disk of \(file.path) is full\(left): free some space in \(file.folder)")
    }

    /// The process that has the writer's lock, such as `123 (sqlite3)`.
    ///
    /// In WAL mode that is a lock on a byte of the `-shm` file (sqlite.org/walformat.html, 2.2.2).
    private func lockOwner() -> String? {
        var inodes: Set<String> = []
        for name in [file.path, "\(file.path)-shm"] {
            var status = stat()
            if stat(name, &status) == 0 { inodes.insert("\(status.st_ino)") }
        }
        for line in ProcFile.text("/proc/locks")?.split(separator: "\n") ?? [] {
            // 1: POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[1] == "POSIX", fields[3] == "WRITE", fields[4] != "\(getpid())",
                let inode = fields[5].split(separator: ":").last, inodes.contains(String(inode))
            else { continue }
            let name = ProcFile.text("/proc/\(fields[4])/comm")?.split(separator: "\n").first ?? "?"
            return "\(fields[4]) (\(name))"
        }
        return nil
    }
}
