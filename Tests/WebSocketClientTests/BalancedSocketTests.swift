import Foundation
import HTTPClient
import ServiceLab
import Testing

@testable import WebSocketClient

/// Through a real HAProxy that speaks TLS to us.
@Suite struct BalancedSocketTests {
    private static func behindHAProxy(
        _ body: (_ target: ConnectionTarget, _ authority: String) async throws -> Void
    ) async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            connection.serveWebSocket { "you said \($0)" }
        }) { server in
            let folder = try Folder()
            defer { folder.remove() }
            let certificate = try await onThread { try TestCertificate(days: 30, in: folder) }
            let pair = try [certificate.file, certificate.key].map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            let pem = try folder.write(pair.joined(), to: "pair.pem")
            let socket = "\(folder.path)/tls.sock"
            let file = try folder.write(
                """
                defaults
                  mode http
                  timeout connect 5s
                  timeout client 60s
                  timeout server 60s
                frontend tls
                  bind unix@\(socket) ssl crt \(pem)
                  default_backend app
                backend app
                  server app 127.0.0.1:\(server.port)

                """,
                to: "haproxy.cfg"
            )
            let haproxy = try Program(["haproxy", "-db", "-f", file], in: folder, name: "haproxy")
            defer { haproxy.kill() }
            try haproxy.wait { FileManager.default.fileExists(atPath: socket) }
            var target = ConnectionTarget(host: "mina.test", port: 443, isSecure: true)
            target.unixSocket = socket
            try await body(target, certificate.file)
        }
    }

    private static func request(_ target: ConnectionTarget) -> WebSocketRequest {
        var request = WebSocketRequest(
            target: target,
            path: "/ws",
            host: "mina.test",
            limit: .seconds(40),
            deadline: .seconds(50)
        )
        request.messages = [.text(String(repeating: "ä", count: 60_000))]
        request.isAwaited = { message in
            if case .text(let text) = message { text.utf8.count == 120_009 } else { false }
        }
        return request
    }

    @Test func `twenty connections over TLS carry long messages both ways`() async throws {
        try await Self.behindHAProxy { target, authority in
            var target = target
            target.caFile = authority
            var request = Self.request(target)
            request.connections = 20
            let ends = try await WebSocketClient().exchange(request).map(\.end)
            #expect(ends.filter { $0 == .done }.count == 20, "\(ends.first { $0 != .done }.debugDescription)")
        }
    }

    @Test func `a certificate that is not trusted, or of another name, ends it before the handshake`()
        async throws
    {
        try await Self.behindHAProxy { target, authority in
            let untrusted = try await WebSocketClient().exchange(Self.request(target)).first
            guard case .unreachable(.tls(let reason)) = untrusted?.end else {
                Issue.record("\(String(describing: untrusted))")
                return
            }
            #expect(reason.hasPrefix("the certificate is not trusted: self-signed"))
            var other = target
            other.caFile = authority
            other.host = "other.test"
            let misnamed = try await WebSocketClient().exchange(Self.request(other)).first
            guard case .unreachable(.tls(let name)) = misnamed?.end else {
                Issue.record("\(String(describing: misnamed))")
                return
            }
            #expect(name.contains("other.test"))
        }
    }
}
