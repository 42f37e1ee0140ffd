import DeployPorts
import Glibc

/// A Unix datagram socket's file: made by us, writable for every local process, taken away by us.
struct SocketFile: Hashable, Sendable {
    private let path: String
    private let device: UInt
    private let inode: UInt

    /// Binds `descriptor` to `path`.
    ///
    /// A file that is there already is only replaced when it is a socket that nobody listens on, as a process
    /// that was killed leaves it.
    init(_ path: String, bound descriptor: Int32) throws(MetricsError) {
        try Self.removeStale(path)
        guard Self.withAddress(path, { bind(descriptor, $0, $1) }) == 0 else {
            switch errno {
            case ENOENT, ENOTDIR:
                throw .unusable("cannot receive the log at unix:\(path): its folder does not exist")
            case EADDRINUSE:
                throw .unusable("cannot receive the log at unix:\(path): another process has just taken it")
            default:
                throw .unusable("cannot receive the log at unix:\(path): \(SystemText.of(errno))")
            }
        }
        // nginx's workers run as another user.
        chmod(path, 0o666)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            throw .noEvidence("unix:\(path) went away: \(SystemText.of(errno))")
        }
        self.path = path
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
    }

    /// Takes the file away if it is still ours.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, UInt(status.st_dev) == device, UInt(status.st_ino) == inode else {
            return
        }
        unlink(path)
    }

    private static func removeStale(_ path: String) throws(MetricsError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .unusable("cannot receive the log at unix:\(path): a file that is not a socket is there")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw .noEvidence("unix:\(path): \(SystemText.of(errno))") }
        defer { close(probe) }
        let code = withAddress(path) { connect(probe, $0, $1) }
        guard code != 0, errno == ECONNREFUSED else {
            throw .unusable(
                "cannot receive the log at unix:\(path): another process listens there; end it or name another socket"
            )
        }
        unlink(path)
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix(room))) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
