import Glibc

/// Why a file could not be read or replaced.
///
/// After every one of them the file is what it was.
package enum FileProblem: Error, Hashable, Sendable {
    case missing(path: String)
    /// The permissions, or the owner of something on the way, do not allow it.
    case forbidden(path: String, attempt: String)
    /// The file system is mounted read-only.
    case readOnly(path: String)
    case diskFull(path: String)
    /// A folder, a device, or another thing that is not a regular file.
    case notAFile(path: String)
    case tooLarge(path: String, limit: Int)
    /// The file is not the one that was expected: `found` is its text now, `nil` when it is gone.
    case changedMeanwhile(path: String, found: [UInt8]?)
    /// The file itself is a mount point, as with a single file mounted into a container.
    case mountPoint(path: String)
    /// The lock was not let go in time; `holder` is the process that has it, where the kernel tells.
    case locked(path: String, holder: LockHolder?)
    /// Anything else, in the system's words.
    case failed(path: String, attempt: String, reason: String)

    /// For a person: what was found, and what would mend it.
    package var message: String {
        switch self {
        case .missing(let path): "\(path) does not exist"
        case .forbidden(let path, let attempt): "not allowed to \(attempt) \(path)"
        case .readOnly(let path): "\(path) is on a file system that is mounted read-only"
        case .diskFull(let path): "no space is left on the file system of \(path)"
        case .notAFile(let path): "\(path) is not a regular file"
        case .tooLarge(let path, let limit): "\(path) is larger than \(limit) bytes"
        case .changedMeanwhile(let path, _): "\(path) was changed meanwhile"
        case .mountPoint(let path):
            "\(path) is a mount point of its own and cannot be replaced: mount its folder instead"
        case .locked(let path, let holder):
            "\(path) is locked by \(holder?.description ?? "another process") that does not let go"
        case .failed(let path, let attempt, let reason): "cannot \(attempt) \(path): \(reason)"
        }
    }

    /// What `code`, an errno value, means for `path`.
    ///
    /// `attempt` is a verb: `read`, `write`.
    static func of(_ code: Int32, _ path: String, _ attempt: String) -> FileProblem {
        switch code {
        case ENOENT, ENOTDIR: .missing(path: path)
        case EACCES, EPERM: .forbidden(path: path, attempt: attempt)
        case EROFS: .readOnly(path: path)
        case ENOSPC, EDQUOT: .diskFull(path: path)
        case EISDIR: .notAFile(path: path)
        case EBUSY: .mountPoint(path: path)
        default: .failed(path: path, attempt: attempt, reason: String(cString: strerror(code)))
        }
    }
}

/// A process that holds a lock.
package struct LockHolder: Hashable, Sendable, CustomStringConvertible {
    package let process: Int32
    /// The base name of its executable; empty when it may not be seen.
    package let executable: String

    package init(process: Int32, executable: String) {
        self.process = process
        self.executable = executable
    }

    package var description: String {
        executable.isEmpty ? "process \(process)" : "process \(process) (\(executable))"
    }
}
