import Glibc
import SafeFile

/// Whether a process may look for files in a folder, by the permission bits on the way to it.
///
/// Access lists and SELinux are not asked; the probe shows what they do.
struct WorkerAccess {
    private let user: UInt32
    private let groups: Set<UInt32>

    /// `nil` when the process is gone.
    init?(_ process: Int32) {
        guard let text = ProcFile.text("/proc/\(process)/status") else { return nil }
        func numbers(_ key: String) -> [UInt32] {
            let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
            return line?.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { UInt32($0) } ?? []
        }
        let (users, own) = (numbers("Uid:"), numbers("Gid:"))
        // Real, effective, saved, file system.
        guard users.count == 4, own.count == 4 else { return nil }
        user = users[3]
        groups = Set([own[3]] + numbers("Groups:"))
    }

    /// The first folder on the way to `path`, itself included, that may not be searched; `nil` when all may.
    func obstacle(to path: String) -> String? {
        guard user != 0 else { return nil }
        var folder = ""
        for part in path.split(separator: "/") {
            folder += "/\(part)"
            var status = stat()
            guard stat(folder, &status) == 0 else { return folder }
            let bit: UInt32 = status.st_uid == user ? 0o100 : groups.contains(status.st_gid) ? 0o010 : 0o001
            if status.st_mode & bit == 0 { return folder }
        }
        return nil
    }
}
