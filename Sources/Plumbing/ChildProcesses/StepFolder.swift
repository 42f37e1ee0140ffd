import CSpawn
import FoundationEssentials
import Glibc

/// The files by which a supervisor and those who watch it find each other, all 0600 in a folder of mode 0700.
///
/// - `lock` is locked for as long as the supervisor lives (an open-file-description lock, which can be asked
///   after without being disturbed, fcntl(2));
/// - `claim` is made by exactly one supervisor, for good, before the command starts;
/// - `process` names that supervisor;
/// - `output` is what the command wrote, secrets masked;
/// - `exit` appears, whole, when the command has ended.
struct StepFolder: ~Copyable {
    enum File: String {
        case lock, claim, process, output
        case exit
        case exitDraft = "exit.new"
    }

    private let folder: Descriptor

    /// Opens `path`.
    ///
    /// Fails when it is not a folder, not ours, or open to others.
    init(_ path: String) throws(SupervisionError) {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        guard let folder = Descriptor(Glibc.open(path, flags)) else {
            throw .unusableFolder("\(path): \(systemErrorText(errno))")
        }
        var status = stat()
        guard fstat(folder.raw, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw .unusableFolder("\(path): must be a folder of our own that is closed to others (mode 0700)")
        }
        self.folder = folder
    }

    func open(_ file: File, _ flags: Int32) -> Descriptor? {
        Descriptor(openat(folder.raw, file.rawValue, flags | O_NOFOLLOW | O_CLOEXEC, 0o600))
    }

    func has(_ file: File) -> Bool { faccessat(folder.raw, file.rawValue, F_OK, 0) == 0 }

    func sync() -> Bool { fsync(folder.raw) == 0 }

    /// Locks `lock`, not waiting; `nil` when a living process holds it or it cannot be opened.
    func lock() -> Descriptor? {
        guard let file = open(.lock, O_RDWR | O_CREAT) else { return nil }
        var request = Self.wholeFileLock
        guard fcntl(file.raw, Int32(cspawn_ofd_setlk), &request) == 0 else { return nil }
        return file
    }

    /// Whether a living process holds the lock.
    var isLocked: Bool {
        guard let file = open(.lock, O_RDWR) else { return false }
        var request = Self.wholeFileLock
        guard fcntl(file.raw, Int32(cspawn_ofd_getlk), &request) == 0 else { return true }
        return request.l_type != Int16(F_UNLCK)
    }

    private static var wholeFileLock: flock {
        flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }

    var exitRecord: ExitRecord? { decode(.exit) }
    var supervisor: SupervisorIdentity? { decode(.process) }

    private func decode<Value: Decodable>(_ file: File) -> Value? {
        guard let descriptor = open(file, O_RDONLY) else { return nil }
        return try? JSONDecoder().decode(Value.self, from: Data(descriptor.readAll(limit: 65_536)))
    }

    /// Replaces `exit` with the record, durably, through the draft whose space ``reserveExit()`` has taken.
    func writeExit(_ record: ExitRecord) -> Bool {
        guard let bytes = try? JSONEncoder().encode(record),
            let draft = open(.exitDraft, O_WRONLY | O_CREAT), draft.write(Array(bytes)[...]),
            ftruncate(draft.raw, bytes.count) == 0, fsync(draft.raw) == 0
        else { return false }
        return renameat(folder.raw, File.exitDraft.rawValue, folder.raw, File.exit.rawValue) == 0 && sync()
    }

    /// Takes disk space for the exit record, so that a disk that the command fills cannot hide its end.
    func reserveExit() -> Bool {
        guard let draft = open(.exitDraft, O_WRONLY | O_CREAT) else { return false }
        return posix_fallocate(draft.raw, 0, 4096) == 0
    }
}
