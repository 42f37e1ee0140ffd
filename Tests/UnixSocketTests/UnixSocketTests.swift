import Dispatch
import Glibc
import Testing

@testable import UnixSocket

struct UnixSocketTests {
    private let server = Server()

    @Test func `the whole answer comes back`() async throws {
        let text = String(repeating: "line\n", count: 100_000)
        server.answer { request in request == "ask\n" ? text : "wrong" }
        #expect(try await UnixSocket.exchange("ask\n", at: server.path, within: 5000) == text)
    }

    @Test func `an answer over the limit is refused`() async {
        server.answer { _ in String(repeating: "x", count: 1000) }
        let path = server.path
        await #expect(throws: SocketProblem.tooLong(path: path, limit: 999)) {
            try await UnixSocket.exchange("ask\n", at: path, within: 5000, limit: 999)
        }
    }

    @Test func `silence ends at the deadline`() async {
        let path = server.path
        await #expect(throws: SocketProblem.timedOut(path: path, milliseconds: 30)) {
            try await UnixSocket.exchange("ask\n", at: path, within: 30)
        }
    }

    @Test func `a missing socket and a socket without a listener are told apart`() async {
        let path = server.path
        await #expect(throws: SocketProblem.missing(path: path + ".none")) {
            try await UnixSocket.exchange("ask\n", at: path + ".none", within: 1000)
        }
        server.stop()
        await #expect(throws: SocketProblem.refused(path: path)) {
            try await UnixSocket.exchange("ask\n", at: path, within: 1000)
        }
    }

    @Test func `a path that does not fit is an error`() async {
        await #expect(throws: SocketProblem.self) {
            try await UnixSocket.exchange("", at: "/" + String(repeating: "x", count: 200), within: 1000)
        }
    }
}

/// Listens on a socket of its own; without ``answer(_:)`` it never answers.
private final class Server: Sendable {
    let path: String
    private let folder: String
    private let descriptor: Int32

    init() {
        var template = Array("/tmp/bgdeploy-socket-XXXXXX".utf8CString)
        folder = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
        path = folder + "/s"
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let descriptor = descriptor
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = bind(descriptor, $0, size) }
        }
        listen(descriptor, 8)
    }

    deinit {
        stop()
        unlink(path)
        rmdir(folder)
    }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func answer(_ reply: @escaping @Sendable (String) -> String) {
        let descriptor = descriptor
        DispatchQueue.global().async {
            let connection = accept(descriptor, nil, nil)
            var (request, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
            while true {
                let count = read(connection, &chunk, chunk.count)
                guard count > 0 else { break }
                request += chunk[..<count]
            }
            let bytes = Array(reply(String(decoding: request, as: UTF8.self)).utf8)
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    send(
                        connection,
                        buffer.baseAddress.map { $0 + done },
                        bytes.count - done,
                        Int32(MSG_NOSIGNAL)
                    )
                }
                guard count > 0 else { break }
                done += count
            }
            close(connection)
        }
    }
}
