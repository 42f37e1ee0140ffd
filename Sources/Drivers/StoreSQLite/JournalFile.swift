import DeployPorts
import GRDB
import Glibc
import SafeFile

/// The database's file and its folder: rights, creation, the ballast.
struct JournalFile {
    let path: String

    /// Kept so that a rollback can still be journalled on a full disk.
    static let ballastSize = 256 << 10

    var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    var ballast: String { "\(folder)/journal.ballast" }

    /// Creates the file if there is none, and refuses one that is not safe to use.
    func prepare() throws(RunStoreError) {
        if try !isPresent() {
            try createFolder()
            try create()
            keepBallast()
        }
    }

    /// Makes the ballast if it is missing and the disk has plenty; it is never worth an error.
    func keepBallast() {
        guard access(ballast, F_OK) != 0, freeBytes.map({ $0 > Self.ballastSize * 4 }) ?? false else {
            return
        }
        let descriptor = open(ballast, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if posix_fallocate(descriptor, 0, Self.ballastSize) != 0 { unlink(ballast) }
    }

    /// Whether there was a ballast to give up.
    func releaseBallast() -> Bool { unlink(ballast) == 0 }

    /// What the disk has left for this user; `nil` when it does not say.
    var freeBytes: Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    /// Tells this file from another one at the same path; `nil` when there is none.
    var identity: [UInt64]? {
        var status = stat()
        return stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }

    private func isPresent() throws(RunStoreError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return false }
            throw .unavailable("\(path) cannot be opened: \(Self.reason())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unavailable("\(path) is not a file: give the path of the journal itself")
        }
        for name in [path, "\(path)-wal"] where name == path || stat(name, &status) == 0 {
            guard status.st_mode & 0o022 == 0 else {
                throw .unavailable(
                    "\(name) can be written by other users, so it cannot be trusted: chmod 600 '\(name)'"
                )
            }
        }
        return true
    }

    /// SQLite's write-ahead log needs memory that all users of the file share (sqlite.org/wal.html).
    private func refuseNetworkFile() throws(RunStoreError) {
        var status = stat()
        guard stat(folder, &status) == 0 else { return }
        // As makedev(3) of glibc puts the two together.
        let number = UInt64(status.st_dev)
        let major = (number >> 8) & 0xFFF | (number >> 32) & ~0xFFF
        let minor = number & 0xFF | (number >> 12) & ~0xFF
        for line in ProcFile.text("/proc/self/mountinfo")?.split(separator: "\n") ?? [] {
            // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - nfs4 server:/root rw: proc(5)
            let fields = line.split(separator: " ")
            guard fields.count > 3, fields[2] == "\(major):\(minor)", let dash = fields.firstIndex(of: "-")
            else { continue }
            let kind = fields[fields.index(after: dash)]
            guard ["nfs", "nfs4", "cifs", "smb3"].contains(kind) else { return }
            throw .unavailable(
                "\(path) would lie on \(kind), over the network: keep the journal on a local disk"
            )
        }
    }

    private func createFolder() throws(RunStoreError) {
        var missing: [String] = []
        var folder = folder
        while access(folder, F_OK) != 0, errno == ENOENT {
            missing.append(folder)
            folder = JournalFile(path: folder).folder
        }
        for folder in missing.reversed() where mkdir(folder, 0o700) != 0 && errno != EEXIST {
            throw .unavailable("\(folder) cannot be created: \(Self.reason())")
        }
    }

    /// Makes the whole database beside its place and links it in, so that nobody ever meets half a one.
    private func create() throws(RunStoreError) {
        try refuseNetworkFile()
        let draft = "\(path).new-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { for end in ["", "-wal", "-shm", "-journal"] { unlink(draft + end) } }
        let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            if errno == ENOSPC { throw .full("the disk of \(path) is full: free some space") }
            throw .unavailable("\(path) cannot be created: \(Self.reason())")
        }
        close(descriptor)
        do {
            let queue = try DatabaseQueue(path: draft)
            try queue.writeWithoutTransaction { database in
                // Small pages: an append writes two or three, and the ballast holds more appends.
                try database.execute(sql: "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL")
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try database.inTransaction(.immediate) {
                    try Schema.create(in: database)
                    return .commit
                }
            }
            try queue.close()
        } catch {
            throw SQLiteProblem(file: self).translated(error)
        }
        guard link(draft, path) == 0 || errno == EEXIST else {
            throw .unavailable("\(path) cannot be created: \(Self.reason())")
        }
        synchronizeFolder()
    }

    private func synchronizeFolder() {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
