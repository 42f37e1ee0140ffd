import Dispatch
import Glibc
public import Synchronization

/// A server on a free port of 127.0.0.1, or on a socket's path, that does with each connection what a test says.
///
/// Every connection has a thread of its own. The server ends with ``stop()``.
public final class RawServer: Sendable {
    public struct Failure: Error { let call: String, number: Int32 }

    public let port: Int
    private let listener: Int32
    private let log: Log

    public final class Log: Sendable {
        public let requests = Mutex<[String]>([])
        public let departures = Mutex(0)
    }

    public var url: String { "http://127.0.0.1:\(port)" }
    /// The heads and bodies of all requests so far.
    public var requests: [String] { log.requests.withLock { $0 } }
    /// Connections that the client has closed while a behaviour held them.
    public var departures: Int { log.departures.withLock { $0 } }

    public init(path: String? = nil, _ behaviour: @escaping @Sendable (RawConnection) -> Void) throws {
        let family = path == nil ? AF_INET : AF_UNIX
        let listener = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw Failure(call: "socket", number: errno) }
        self.listener = listener
        port = try path.map { try Self.bind(listener, path: $0) } ?? Self.bindPort(listener)
        guard listen(listener, 128) == 0 else { throw Failure(call: "listen", number: errno) }
        let log = Log()
        self.log = log
        DispatchQueue(label: "raw server").async {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                DispatchQueue(label: "raw connection").async {
                    let connection = RawConnection(descriptor: client, log: log)
                    behaviour(connection)
                    close(client)
                }
            }
            close(listener)
        }
    }

    /// Wakes the accepting thread, which closes the socket.
    public func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Runs `body` with a server that answers every request with `text`.
    public static func answering<Result>(
        _ text: String,
        _ body: (RawServer) async throws -> Result
    ) async throws -> Result {
        try await behaving(
            { connection in
                connection.readRequest()
                connection.send(text)
            },
            body
        )
    }

    public static func behaving<Result>(
        _ behaviour: @escaping @Sendable (RawConnection) -> Void,
        _ body: (RawServer) async throws -> Result
    ) async throws -> Result {
        let server = try RawServer(behaviour)
        defer { server.stop() }
        return try await body(server)
    }

    /// A port on which nothing listens: bound and closed again.
    public static func deadPort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try bindPort(descriptor)
    }

    /// A port whose queue of connections is full, so that the kernel answers no further one.
    public static func withFullPort<Result>(_ body: (Int) async throws -> Result) async throws -> Result {
        let stream = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        let listener = socket(AF_INET, stream, 0)
        let clients = (0..<4).map { _ in socket(AF_INET, stream, 0) }
        defer { for descriptor in [listener] + clients { close(descriptor) } }
        let port = try bindPort(listener)
        guard listen(listener, 0) == 0 else { throw Failure(call: "listen", number: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                let length = socklen_t(MemoryLayout<sockaddr_in>.size)
                for client in clients { _ = connect(client, pointer, length) }
            }
        }
        return try await body(port)
    }

    private static func bindPort(_ listener: Int32) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(listener, pointer, length) == 0 ? getsockname(listener, pointer, &length) : -1
            }
        }
        guard code == 0 else { throw Failure(call: "bind", number: errno) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func bind(_ listener: Int32, path: String) throws -> Int {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(listener, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw Failure(call: "bind", number: errno) }
        return 0
    }
}

/// One accepted connection.
public struct RawConnection {
    public let descriptor: Int32
    public let log: RawServer.Log

    /// Reads the head and the body that its Content-Length announces; returns and logs both.
    @discardableResult
    public func readRequest() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !Self.isWhole(bytes) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        log.requests.withLock { $0.append(text) }
        return text
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return false }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
        let wanted = length.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
        return text[end.upperBound...].utf8.count >= wanted
    }

    /// What has come, at least one byte; `nil` when the client has closed.
    public func receive(upTo limit: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    /// Returns whether the client still takes it.
    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Keeps the connection open and silent until the client closes it.
    public func hold() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
        log.departures.withLock { $0 += 1 }
    }

    /// Sends `text` byte by byte, one each `milliseconds`, until the client is gone.
    public func drip(_ text: String, every milliseconds: Int32) {
        for byte in text.utf8 {
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, milliseconds) == 0, send([byte]) else { return }
        }
    }

    /// Ends the connection by RST.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
