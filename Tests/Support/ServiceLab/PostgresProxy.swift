import Dispatch
import Glibc
import Synchronization

/// Stands before a PostgreSQL's socket and loses the first statement that has a text in it, or the answer to it.
public final class PostgresProxy: Sendable {
    public enum Loss: Sendable {
        /// The statement never arrives.
        case statement(String)
        /// It is carried out, and nobody is told.
        case answer(to: String)
        /// The same, and from then on the server is away until ``PostgresProxy/comeBack()``.
        case server(after: String)
    }

    private struct Failure: Error { let call: String, number: Int32 }

    private let server: String
    private let loss: Loss
    private let isDone = Mutex(false)
    private let isAway = Mutex(false)

    /// Whether something was lost.
    public var hasLost: Bool { isDone.withLock(\.self) }

    public func comeBack() { isAway.withLock { $0 = false } }

    /// Runs `body` with the folder of a socket that leads to the server whose socket is in `server`.
    public static func run(
        to server: String,
        losing loss: Loss,
        _ body: (String) async throws -> Void
    ) async throws {
        try await run(to: server, losing: loss) { folder, _ in try await body(folder) }
    }

    /// The same, with the proxy itself.
    public static func run(
        to server: String,
        losing loss: Loss,
        _ body: (String, PostgresProxy) async throws -> Void
    ) async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let proxy = PostgresProxy(server, loss)
        let listener = try Self.listener(folder.path)
        defer { shutdown(listener, Int32(SHUT_RDWR)) }
        DispatchQueue(label: "postgres proxy").async {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                DispatchQueue(label: "postgres proxy connection").async { proxy.serve(client) }
            }
            close(listener)
        }
        try await body(folder.path, proxy)
    }

    private init(_ server: String, _ loss: Loss) {
        self.server = server
        self.loss = loss
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        guard !isAway.withLock(\.self) else { return }
        guard let upstream = try? Self.connected(server) else { return }
        defer { close(upstream) }
        while true {
            var entries = [client, upstream].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&entries, 2, -1) > 0 else { return }
            for (entry, other) in zip(entries, [upstream, client]) where entry.revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = recv(entry.fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                let bytes = buffer[..<count]
                if other == upstream, isLost(bytes) {
                    if case .statement = loss { return }
                    Self.forward(bytes, to: upstream)
                    // The server has committed when it answers.
                    _ = recv(upstream, &buffer, buffer.count, 0)
                    return
                }
                Self.forward(bytes, to: other)
            }
        }
    }

    private func isLost(_ bytes: ArraySlice<UInt8>) -> Bool {
        let text =
            switch loss {
            case .statement(let text), .answer(let text), .server(let text): text
            }
        guard String(decoding: bytes, as: UTF8.self).contains(text) else { return false }
        let isFirst = isDone.withLock { isDone in
            defer { isDone = true }
            return !isDone
        }
        if isFirst, case .server = loss { isAway.withLock { $0 = true } }
        return isFirst
    }

    private static func forward(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        var rest = Array(bytes)
        while !rest.isEmpty {
            let count = send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { return }
            rest.removeFirst(count)
        }
    }

    // MARK: sockets

    private static func listener(_ folder: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try withAddress(folder) {
            guard bind(descriptor, $0, $1) == 0 else { throw Failure(call: "bind", number: errno) }
        }
        guard listen(descriptor, 16) == 0 else { throw Failure(call: "listen", number: errno) }
        return descriptor
    }

    private static func connected(_ folder: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try withAddress(folder) {
            guard connect(descriptor, $0, $1) == 0 else { throw Failure(call: "connect", number: errno) }
        }
        return descriptor
    }

    private static func withAddress(
        _ folder: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
    ) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: "\(folder)/.s.PGSQL.5432".utf8.prefix(room.count - 1))
        }
        try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
