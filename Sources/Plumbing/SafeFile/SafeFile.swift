import Glibc

/// A regular file as it was at one moment.
package struct FileContents: Hashable, Sendable {
    /// With all symbolic links resolved.
    package let path: String
    package let bytes: [UInt8]
    /// SHA-256 of `bytes`, hexadecimal.
    package let digest: String
    /// Permission bits.
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32
    package let device: UInt64
    package let inode: UInt64
    package let modified: FileTime
}

/// A file's time of modification, to the nanosecond.
package struct FileTime: Hashable, Comparable, Sendable, Codable {
    /// Since the Unix epoch.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    init(_ time: timespec) { nanoseconds = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }

    var timespec: Glibc.timespec {
        Glibc.timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }

    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Reads files whole, with a limit.
package enum SafeFile {
    /// Configuration files beyond this are refused.
    package static let defaultLimit = 64 << 20

    /// The file at `path`, links followed.
    ///
    /// All that is returned comes from one open file.
    package static func read(_ path: String, limit: Int = defaultLimit) throws(FileProblem) -> FileContents {
        let real = try resolve(path)
        // Without O_NONBLOCK a named pipe would block for ever.
        let descriptor = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .of(errno, real, "read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .of(errno, real, "read") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: real) }
        let bytes = try readAll(descriptor, real, limit: limit, expected: Int(status.st_size))
        return FileContents(
            path: real,
            bytes: bytes,
            digest: Digest.sha256(bytes),
            mode: status.st_mode & 0o7777,
            owner: status.st_uid,
            group: status.st_gid,
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            modified: FileTime(status.st_mtim)
        )
    }

    /// `path` with every symbolic link resolved.
    package static func resolve(_ path: String) throws(FileProblem) -> String {
        guard let resolved = realpath(path, nil) else { throw .of(errno, path, "read") }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func readAll(
        _ descriptor: Int32,
        _ path: String,
        limit: Int,
        expected: Int
    ) throws(FileProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(expected, limit) + 1)
        // One more than there should be, so that most files take one call and the end another.
        var chunk = [UInt8](repeating: 0, count: min(1 << 16, max(1 << 12, expected + 1)))
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .of(errno, path, "read") }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limit else { throw .tooLarge(path: path, limit: limit) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
