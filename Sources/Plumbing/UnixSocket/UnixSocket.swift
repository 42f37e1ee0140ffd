import Dispatch
import Glibc

/// Why a local socket gave no answer.
///
/// Whether the request was acted upon is only unknown after `.timedOut`, `.tooLong` and `.failed`.
package enum SocketProblem: Error, Hashable, Sendable {
    case missing(path: String)
    /// The socket is there and nobody listens: its process ended.
    case refused(path: String)
    case forbidden(path: String)
    case timedOut(path: String, milliseconds: Int)
    /// The answer is longer than the limit.
    case tooLong(path: String, limit: Int)
    case failed(path: String, reason: String)

    package var message: String {
        switch self {
        case .missing(let path): "there is no socket at \(path)"
        case .refused(let path): "nobody listens at \(path)"
        case .forbidden(let path): "not allowed to connect to \(path)"
        case .timedOut(let path, let milliseconds): "no answer from \(path) within \(milliseconds) ms"
        case .tooLong(let path, let limit): "the answer from \(path) is longer than \(limit) bytes"
        case .failed(let path, let reason): "cannot talk to \(path): \(reason)"
        }
    }
}

/// One question and one answer over a Unix domain stream socket.
package enum UnixSocket {
    private static let queue = DispatchQueue(label: "bgdeploy.unix-socket", attributes: .concurrent)

    /// Connects, sends `request`, closes its sending side, and returns all that comes until the other end
    /// closes.
    ///
    /// Invalid UTF-8 is repaired.
    package static func exchange(
        _ request: String,
        at path: String,
        within milliseconds: Int,
        limit: Int = 8 << 20
    ) async throws(SocketProblem) -> String {
        let answer = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<String, SocketProblem>, Never>) in
            queue.async {
                continuation.resume(
                    returning: Result { () throws(SocketProblem) in
                        var exchange = try Exchange(path, within: milliseconds, limit: limit)
                        defer { exchange.end() }
                        return try exchange.run(request)
                    }
                )
            }
        }
        return try answer.get()
    }
}

private struct Exchange {
    private let path: String
    private let limit: Int
    private let descriptor: Int32
    private let milliseconds: Int
    private let deadline: Int64

    init(_ path: String, within milliseconds: Int, limit: Int) throws(SocketProblem) {
        self.path = path
        self.limit = limit
        self.milliseconds = milliseconds
        deadline = Self.clock() + Int64(milliseconds)
        descriptor = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw .failed(path: path, reason: Self.text(errno)) }
        do throws(SocketProblem) {
            try connect()
        } catch {
            close(descriptor)
            throw error
        }
    }

    func end() { close(descriptor) }

    mutating func run(_ request: String) throws(SocketProblem) -> String {
        try send(Array(request.utf8))
        shutdown(descriptor, Int32(SHUT_WR))
        return String(decoding: try receive(), as: UTF8.self)
    }

    private func connect() throws(SocketProblem) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < room else {
            throw .failed(path: path, reason: "the path is longer than \(room - 1) bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        while true {
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
            }
            guard code != 0 else { return }
            switch errno {
            case EINTR: continue
            case ENOENT, ENOTDIR: throw .missing(path: path)
            case ECONNREFUSED: throw .refused(path: path)
            case EACCES, EPERM: throw .forbidden(path: path)
            // A full queue of connections: poll(2) does not tell when there is room again.
            case EAGAIN:
                _ = poll(nil, 0, 1)
                _ = try rest()
            default: throw .failed(path: path, reason: Self.text(errno))
            }
        }
    }

    private func send(_ bytes: [UInt8]) throws(SocketProblem) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor,
                    buffer.baseAddress.map { $0 + done },
                    buffer.count - done,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count >= 0 { done += count; continue }
            try awaitReady(POLLOUT, orThrow: errno)
        }
    }

    private func receive() throws(SocketProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return bytes }
            if count < 0 { try awaitReady(POLLIN, orThrow: errno); continue }
            guard bytes.count + count <= limit else { throw .tooLong(path: path, limit: limit) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    private func awaitReady(_ event: Int32, orThrow code: Int32) throws(SocketProblem) {
        if code == EINTR { return }
        guard code == EAGAIN || code == EWOULDBLOCK else {
            throw .failed(path: path, reason: Self.text(code))
        }
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        _ = poll(&entry, 1, try rest())
    }

    /// Milliseconds until the deadline.
    private func rest() throws(SocketProblem) -> Int32 {
        let left = deadline - Self.clock()
        guard left > 0 else { throw .timedOut(path: path, milliseconds: milliseconds) }
        return Int32(clamping: left)
    }

    private static func clock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
