import DeployCore
import Foundation
import Glibc
import Synchronization
import Testing

/// A temporary folder and the processes of one test; everything is gone when the test is over.
final class Lab {
    let folder: String
    private var processes: [Process] = []

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(
            path: "metrics-\(UUID().uuidString.prefix(8))"
        )
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        // nginx's workers run as another user.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
        folder = url.path
    }

    deinit {
        for process in processes where process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: false, encoding: .utf8)
        return path(name)
    }

    func append(_ name: String, _ text: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path(name)))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    @discardableResult
    func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        processes.append(process)
        return process
    }
}

extension Lab {
    /// Ends the process started last, at once.
    func stopLast() {
        guard let process = processes.popLast() else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

/// A server on 127.0.0.1 that answers every request on a new connection with what it was told.
final class TinyServer: Sendable {
    struct Answer: Sendable {
        var status = 200
        var body = "ok"
        var delay = 0
        /// Whether every second answer is a plain 200.
        var isEverySecondGood = false
    }

    let port: UInt16
    let answer: Mutex<Answer>
    /// The request that was answered last.
    let latest = Mutex("")
    private let listener: Int32
    private let answered = Mutex(0)

    init(_ answer: Answer = Answer()) throws {
        self.answer = Mutex(answer)
        let socket = Sockets.bound()
        listener = socket.descriptor
        port = socket.port
        try #require(listen(listener, 128) == 0)
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 { serve(connection) }
            close(listener)
        }
    }

    var address: String { "127.0.0.1:\(port)" }

    /// Refuses connections from now on.
    ///
    /// The accepting thread closes the socket: its number, free, would at once be another server's.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = recv(connection, &buffer, buffer.count, 0)
        guard count > 0 else { return }
        latest.withLock { $0 = String(decoding: buffer[..<count], as: UTF8.self) }
        var answer = answer.withLock { $0 }
        let number = answered.withLock { count in
            count += 1
            return count
        }
        if answer.isEverySecondGood, number.isMultiple(of: 2) { answer.status = 200 }
        if answer.delay > 0 { usleep(UInt32(answer.delay) * 1000) }
        let head =
            "HTTP/1.1 \(answer.status) X\r\nContent-Length: \(answer.body.utf8.count)\r\nConnection: close"
        Sockets.send(connection, "\(head)\r\n\r\n\(answer.body)")
    }
}

enum Sockets {
    static func bound() -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                _ = getsockname(descriptor, $0, &size)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    static func freePort() -> UInt16 {
        let (descriptor, port) = bound()
        close(descriptor)
        return port
    }

    static func send(_ descriptor: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// The status of a GET over a new connection; `nil` when there was no answer.
    ///
    /// With `patience`, the client leaves after so many milliseconds.
    static func get(_ port: UInt16, _ path: String = "/", patience: Int = 0) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        guard connect(descriptor, port) else { return nil }
        var limit = timeval(tv_sec: patience / 1000, tv_usec: patience % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        send(descriptor, "GET \(path) HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            answer += buffer[..<count]
        }
        return Int(String(decoding: answer.dropFirst(9).prefix(3), as: UTF8.self))
    }

    static func listens(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return connect(descriptor, port)
    }

    /// Whether somebody takes connections at the socket: its file is there before that.
    static func listens(at path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return withUnix(path) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    /// Whether somebody has the port, found without connecting.
    static func isTaken(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        } != 0
    }

    /// Sends one datagram to a Unix socket or, with a number for `place`, to a UDP port.
    @discardableResult
    static func datagram(_ text: String, to place: String) -> Bool {
        let bytes = Array(text.utf8)
        if let port = UInt16(place) {
            let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            defer { close(descriptor) }
            return connect(descriptor, port) && Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count
        }
        let descriptor = unixDatagram()
        defer { close(descriptor) }
        return withUnix(place) { Glibc.connect(descriptor, $0, $1) } == 0
            && Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count
    }

    static func unixDatagram() -> Int32 { socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0) }

    static func withUnix(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func connect(_ descriptor: Int32, _ port: UInt16) -> Bool {
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        } == 0
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}

/// Asks until `what` holds or ten seconds have passed.
func eventually(_ what: () async throws -> Bool) async rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while clock.now < end {
        if try await what() { return true }
        try? await clock.sleep(for: .milliseconds(5))
    }
    return false
}

extension EnvironmentName {
    static let blue = EnvironmentName("blue")
    static let green = EnvironmentName("green")
}
