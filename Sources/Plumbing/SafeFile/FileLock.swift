import Glibc
import Synchronization

/// An advisory lock that is let go with ``release()``, with its last reference, or with the process.
///
/// It is flock(2) on a file that stays: the lock of a dead process never has to be cleaned up.
package final class FileLock: Sendable {
    private let descriptor: Mutex<Int32?>

    private init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { release() }

    package func release() {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            // Closing alone would leave the lock with a child that is between fork and exec just now.
            flock(open, LOCK_UN)
            close(open)
            descriptor = nil
        }
    }

    /// Waits for the lock at `path` for at most `milliseconds`; then throws `.locked` with its holder.
    package static func acquire(
        _ path: String,
        within milliseconds: Int
    ) async throws(FileProblem) -> FileLock {
        try await BlockingWork.run { () throws(FileProblem) in
            try acquireBlocking(path, within: milliseconds)
        }
    }

    private static func acquireBlocking(
        _ path: String,
        within milliseconds: Int
    ) throws(FileProblem) -> FileLock {
        let pause = 2
        var waited = 0
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw .of(errno, path, "lock") }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0, isSameFile(descriptor, path) {
                return FileLock(descriptor)
            }
            close(descriptor)
            guard waited < milliseconds else { throw .locked(path: path, holder: holder(of: path)) }
            _ = poll(nil, 0, Int32(pause))
            waited += pause
        }
    }

    /// Somebody may have removed the lock file between our opening and our locking it.
    private static func isSameFile(_ descriptor: Int32, _ path: String) -> Bool {
        var (ours, there) = (stat(), stat())
        return fstat(descriptor, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino
            && ours.st_dev == there.st_dev
    }

    /// The process that holds the lock at `path`, from `/proc/locks`; `nil` when nobody does or it is hidden.
    package static func holder(of path: String) -> LockHolder? {
        var status = stat()
        guard stat(path, &status) == 0, let table = ProcFile.text("/proc/locks") else { return nil }
        for line in table.split(separator: "\n") {
            // 1: FLOCK  ADVISORY  WRITE 6611 fe:00:16220223 0 EOF
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "FLOCK", let process = Int32(fields[4]), process > 0,
                fields[5].split(separator: ":").last == "\(status.st_ino)"
            else { continue }
            let link = ProcFile.link("/proc/\(process)/exe") ?? ""
            return LockHolder(process: process, executable: AtomicFile.name(of: link))
        }
        return nil
    }

    /// Kills the holder if its executable is called `executable`, and says whether it did: for an emergency,
    /// when a process of ours hangs with the lock in its hand.
    ///
    /// Every write under the lock survives that.
    package static func killHolder(of path: String, ifCalled executable: String) -> Bool {
        guard let holder = holder(of: path), holder.executable == executable, holder.process != getpid()
        else { return false }
        return kill(holder.process, SIGKILL) == 0
    }

    /// Whether the holder of the lock was stopped, as by SIGSTOP: it will not let go by itself.
    package static func isHolderStopped(of path: String) -> Bool {
        guard let holder = holder(of: path), let text = ProcFile.text("/proc/\(holder.process)/stat") else {
            return false
        }
        // pid (name) state …; the name may have anything in it.
        let state = text.split(separator: ")").last?.first { $0 != " " }
        return state == "T" || state == "t"
    }
}
