import Foundation
import Glibc
import Testing

extension Lab {
    static let haproxy = "/usr/sbin/haproxy"

    /// Starts an HAProxy with the backend `app` of two servers and returns its port.
    ///
    /// `log` are the lines of `defaults` that say where the log goes, and how it looks.
    func startHAProxy(
        _ blue: String,
        _ green: String,
        mode: String = "http",
        backend: String = "",
        log: String = ""
    ) throws -> UInt16 {
        let port = Sockets.freePort()
        try write(
            "haproxy.cfg",
            """
            global
                stats socket \(path("admin.sock")) mode 600 level admin
            defaults
                mode \(mode)
                timeout connect 200ms
                timeout client 5s
                timeout server 5s
                retries 1
                \(log)
            frontend www
                bind 127.0.0.1:\(port)
                default_backend app
            backend app
                balance roundrobin
                \(backend)
                server blue1 \(blue)
                server green1 \(green)

            """
        )
        try restartHAProxy(port)
        return port
    }

    func restartHAProxy(_ port: UInt16) throws {
        stopLast()
        try? FileManager.default.removeItem(atPath: path("admin.sock"))
        try start(Self.haproxy, ["-db", "-q", "-f", path("haproxy.cfg")])
        let end = ContinuousClock.now + .seconds(60)
        while !Sockets.listens(at: path("admin.sock")) || !Sockets.isTaken(port) {
            try #require(ContinuousClock.now < end, "haproxy does not listen")
            usleep(5000)
        }
    }
}
