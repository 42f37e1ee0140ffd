import Glibc

/// What the kernel says of a file without opening it: equal stamps mean equal contents.
struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let modified: Int64
    private let changed: Int64

    /// Follows links.
    ///
    /// `nil` when there is no such file, and when it was changed so shortly ago that another change might get
    /// the same times.
    init?(settled path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        guard Self.nanoseconds(now) - changed > Self.grain else { return nil }
    }

    var text: String { "\(device) \(inode) \(size) \(modified) \(changed)" }

    /// The kernel's clock for files ticks every 10 ms at most.
    private static let grain: Int64 = 100_000_000

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
