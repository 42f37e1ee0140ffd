import DeployPorts
import Foundation
import Glibc
import Synchronization

/// A socket for syslog datagrams and the thread that empties it.
///
/// nginx never waits for a log: what finds the queue full is lost, and a Unix socket's queue holds
/// `net.unix.max_dgram_qlen` datagrams, 10 in a new network namespace. So a thread of its own reads at once.
final class DatagramReceiver: Sendable {
    private let descriptor: Int32
    /// A pair of sockets: a byte in it ends the thread.
    private let wake: (reading: Int32, writing: Int32)
    /// The socket file that we made; `nil` for UDP.
    private let file: SocketFile?
    private let ending = Mutex<Ending>(.running)
    /// How many datagrams the queue of a Unix socket holds; `nil` for UDP, whose queue is bounded by bytes.
    private let queueLength: Int?
    private let fullQueues = Mutex(0)
    /// Drops that were reported.
    private let reportedDrops = Mutex(0)

    private enum Ending {
        case running
        case awaited(CheckedContinuation<Void, Never>)
        case ended
    }

    init(_ place: LogPlace) throws(MetricsError) {
        let family = if case .udp = place { AF_INET } else { AF_UNIX }
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw .noEvidence("\(place): \(SystemText.of(errno))") }
        do throws(MetricsError) {
            Self.widenBuffer(of: descriptor)
            switch place {
            case .unix(let path):
                file = try SocketFile(path, bound: descriptor)
                queueLength = Self.unixQueueLength()
            case .udp(let port):
                try Self.bind(descriptor, port)
                file = nil
                queueLength = nil
            case .file: throw .unusable("\(place) is a file, not a socket")
            }
        } catch {
            close(descriptor)
            throw error
        }
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else {
            let reason = SystemText.of(errno)
            file?.remove()
            close(descriptor)
            throw .noEvidence("\(place): \(reason)")
        }
        self.descriptor = descriptor
        wake = (ends[0], ends[1])
    }

    /// Calls `receive` for every datagram on a private thread until ``stop()``.
    ///
    /// Called once, as is `stop`.
    func start(_ receive: @escaping @Sendable (UnsafeBufferPointer<UInt8>) -> Void) {
        let thread = Thread { [self] in
            run(receive)
            reportEnd()
        }
        thread.name = "bgdeploy.log"
        thread.start()
    }

    /// Ends the thread and takes the socket file away.
    ///
    /// Nothing is received after it has returned.
    func stop() async {
        var byte: UInt8 = 1
        _ = write(wake.writing, &byte, 1)
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let hasEnded = ending.withLock { ending -> Bool in
                if case .ended = ending { return true }
                ending = .awaited(continuation)
                return false
            }
            if hasEnded { continuation.resume() }
        }
        file?.remove()
        for number in [descriptor, wake.reading, wake.writing] { close(number) }
    }

    /// What was lost since the last call: the kernel counts what it drops of UDP; of a Unix socket's it only
    /// shows that the queue was full.
    func takeLoss() -> LogLoss {
        let full = fullQueues.withLock { count -> Int in
            defer { count = 0 }
            return count
        }
        let dropped = reportedDrops.withLock { reported -> Int in
            let now = dropsSoFar
            defer { reported = now }
            return max(0, now - reported)
        }
        return LogLoss(dropped: dropped, fullQueues: full)
    }

    // MARK: thread

    private func run(_ receive: (UnsafeBufferPointer<UInt8>) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var entries = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.reading, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            guard poll(&entries, 2, -1) >= 0 || errno == EINTR else { return }
            if entries[1].revents != 0 { return }
            // Looks at `wake` again from time to time, however fast datagrams come.
            var inOneGo = 0
            while inOneGo < 1000 {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count >= 0 else { break }
                inOneGo += 1
                buffer.withUnsafeBufferPointer { receive(UnsafeBufferPointer(rebasing: $0[..<count])) }
            }
            if let queueLength, inOneGo > queueLength { fullQueues.withLock { $0 += 1 } }
        }
    }

    private func reportEnd() {
        let waiting = ending.withLock { ending -> CheckedContinuation<Void, Never>? in
            defer { ending = .ended }
            if case .awaited(let waiting) = ending { return waiting }
            return nil
        }
        waiting?.resume()
    }

    // MARK: socket

    /// 4 MiB where we are allowed to, else as much as the system grants.
    private static func widenBuffer(of descriptor: Int32) {
        var size: Int32 = 4 << 20
        let length = socklen_t(MemoryLayout<Int32>.size)
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, length) != 0 {
            _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, length)
        }
    }

    private static func unixQueueLength() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/sys/net/unix/max_dgram_qlen", encoding: .utf8)
        else { return nil }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// The last of the nine counters of SO_MEMINFO (Linux 4.12 and later).
    private var dropsSoFar: Int {
        let meminfo: Int32 = 55
        var counters = [UInt32](repeating: 0, count: 9)
        var length = socklen_t(counters.count * MemoryLayout<UInt32>.size)
        let code = getsockopt(descriptor, SOL_SOCKET, meminfo, &counters, &length)
        return code == 0 ? Int(counters[8]) : 0
    }

    private static func bind(_ descriptor: Int32, _ port: UInt16) throws(MetricsError) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code != 0 else { return }
        let reason = errno == EADDRINUSE ? "another process has this port" : SystemText.of(errno)
        throw .unusable("cannot receive the log on udp:127.0.0.1:\(port): \(reason)")
    }
}

enum SystemText {
    static func of(_ code: Int32) -> String { String(cString: strerror(code)) }
}
