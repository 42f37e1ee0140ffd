import Foundation
import Glibc

/// A web server on a port of its own that answers every request with its name, and keeps `/hold` open.
final class WebBackend: Sendable {
    let port: UInt16
    private let descriptor: Int32

    var address: String { "127.0.0.1:\(port)" }

    init(_ name: String) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                _ = getsockname(descriptor, $0, &size)
            }
        }
        listen(descriptor, 1024)
        port = UInt16(bigEndian: address.sin_port)
        self.descriptor = descriptor
        // A thread of its own: blocked work on dispatch queues soon uses up all of their threads.
        Thread.detachNewThread { Self.serve(descriptor, name) }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private static func serve(_ descriptor: Int32, _ name: String) {
        var held: [Int32] = []
        while true {
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else { break }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = max(0, read(connection, &bytes, bytes.count))
            let request = String(decoding: bytes[..<count], as: UTF8.self)
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
            if request.contains(" /hold ") {
                reply(connection, head + "\r\n")
                held.append(connection)
            } else {
                reply(connection, head + "Content-Length: \(name.utf8.count)\r\n\r\n" + name)
                close(connection)
            }
        }
        for connection in held { close(connection) }
        close(descriptor)
    }

    private static func reply(_ connection: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

/// A request to a Unix domain socket.
enum WebClient {
    /// Connects; -1 when nobody listens.
    ///
    /// The answer has to begin within five seconds.
    static func open(_ path: String, get target: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard code == 0 else {
            close(descriptor)
            return -1
        }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let request = Array("GET \(target) HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".utf8)
        send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        return descriptor
    }

    /// The body of the answer; empty when there was none.
    static func get(_ path: String, _ target: String = "/") -> String {
        let descriptor = open(path, get: target)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var (answer, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            answer += chunk[..<count]
        }
        let text = String(decoding: answer, as: UTF8.self)
        return text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }

    /// How many of `count` requests each environment answered.
    static func shares(_ path: String, of count: Int) -> [String: Int] {
        (0..<count).reduce(into: [:]) { shares, _ in shares[get(path), default: 0] += 1 }
    }
}
