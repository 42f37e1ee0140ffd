import Glibc

/// When a written file has to outlive a loss of power.
package enum Durability: Hashable, Sendable {
    /// When the call returns.
    case now
    /// It need not.
    case never
}

/// Replaces files whole: a reader, or a crash at any point, finds the old text or the new one.
package enum AtomicFile {
    /// Makes `bytes` the file's text, durably.
    ///
    /// Links are followed, so that a link stays a link; owner, group and mode stay too. A SELinux label comes
    /// from the folder, as with every new file. Throws `.changedMeanwhile` when the file does not have the
    /// SHA-256 `expected`. `temporaries` is a private folder on the same file system; by default the folder of
    /// the file. `modified` is a time of modification to give back, as when an old text is restored. `newMode`
    /// is the mode of a file that did not exist.
    package static func replace(
        _ path: String,
        with bytes: [UInt8],
        expecting expected: String? = nil,
        temporaries: String? = nil,
        modified: FileTime? = nil,
        newMode: UInt32 = 0o600,
        durability: Durability = .now
    ) throws(FileProblem) {
        let old = try existing(path)
        if let expected, old?.digest != expected {
            throw .changedMeanwhile(path: old?.path ?? path, found: old?.bytes)
        }
        let target = old?.path ?? path
        let temporary = temporaryName(for: target, in: temporaries)
        do throws(FileProblem) {
            try write(
                bytes,
                to: temporary,
                like: old,
                newMode: newMode,
                modified: modified,
                isSynced: durability == .now
            )
            try checkUnchanged(target, since: old)
            guard rename(temporary, target) == 0 else { throw .of(errno, target, "replace") }
        } catch {
            unlink(temporary)
            throw error
        }
        if durability == .now { try syncFolder(of: target) }
    }

    /// Writes over the text of a file that is there, in the room that it has: for an emergency on a full disk.
    ///
    /// Not atomic: a crash in the middle leaves a part of each. Fails before anything is written when there is
    /// no room for the longer text.
    package static func overwrite(_ path: String, with bytes: [UInt8]) throws(FileProblem) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .of(errno, path, "write") }
        defer { close(descriptor) }
        let code = posix_fallocate(descriptor, 0, max(1, off_t(bytes.count)))
        guard code == 0 || code == EOPNOTSUPP else { throw .of(code, path, "write") }
        try writeAll(bytes, descriptor, path)
        guard ftruncate(descriptor, off_t(bytes.count)) == 0, fsync(descriptor) == 0 else {
            throw .of(errno, path, "write")
        }
    }

    /// Removes the file if it is there.
    package static func remove(_ path: String, durability: Durability = .now) throws(FileProblem) {
        guard unlink(path) == 0 else {
            if errno == ENOENT { return }
            throw .of(errno, path, "remove")
        }
        if durability == .now { try syncFolder(of: path) }
    }

    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    package static func name(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    // MARK: parts

    static func temporaryName(for target: String, in folder: String? = nil) -> String {
        let number = String(UInt32.random(in: 0 ... .max), radix: 36)
        return "\(folder ?? self.folder(of: target))/.\(name(of: target)).\(getpid()).\(number)"
    }

    static func existing(_ path: String) throws(FileProblem) -> FileContents? {
        do throws(FileProblem) {
            return try SafeFile.read(path)
        } catch {
            if case .missing = error { return nil }
            throw error
        }
    }

    private static func write(
        _ bytes: [UInt8],
        to path: String,
        like old: FileContents?,
        newMode: UInt32,
        modified: FileTime?,
        isSynced: Bool
    ) throws(FileProblem) {
        let descriptor = try create(path)
        defer { close(descriptor) }
        try fill(descriptor, bytes, path, like: old, newMode: newMode)
        if let modified {
            let times = [timespec(tv_sec: 0, tv_nsec: utimeNow), modified.timespec]
            guard futimens(descriptor, times) == 0 else { throw .of(errno, path, "write") }
        }
        guard !isSynced || fsync(descriptor) == 0 else { throw .of(errno, path, "write") }
    }

    static func create(_ path: String) throws(FileProblem) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .of(errno, path, "write") }
        return descriptor
    }

    /// Gives a new file its text, and owner, group and mode of the one that it is for.
    static func fill(
        _ descriptor: Int32,
        _ bytes: [UInt8],
        _ path: String,
        like old: FileContents?,
        newMode: UInt32
    ) throws(FileProblem) {
        if let old {
            // Another owner is only possible for root; with our own nothing has to change.
            var status = stat()
            fstat(descriptor, &status)
            if status.st_uid != old.owner || status.st_gid != old.group {
                guard fchown(descriptor, old.owner, old.group) == 0 else {
                    throw .forbidden(path: old.path, attempt: "keep the owner of")
                }
            }
        }
        try writeAll(bytes, descriptor, path)
        guard fchmod(descriptor, old?.mode ?? newMode) == 0 else { throw .of(errno, path, "write") }
    }

    private static func writeAll(_ bytes: [UInt8], _ descriptor: Int32, _ path: String) throws(FileProblem) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .of(count < 0 ? errno : ENOSPC, path, "write") }
            done += count
        }
    }

    /// The time between reading and renaming is a few milliseconds of writing: an edit in it is found here.
    static func checkUnchanged(_ target: String, since old: FileContents?) throws(FileProblem) {
        let now = try existing(target)
        guard now?.digest == old?.digest else { throw .changedMeanwhile(path: target, found: now?.bytes) }
    }

    static func syncFolder(of path: String) throws(FileProblem) {
        let descriptor = open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .of(errno, path, "write") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .of(errno, path, "write") }
    }
}

/// `UTIME_NOW` of `<sys/stat.h>`, a macro that Swift does not import.
private let utimeNow = (1 << 30) - 1
