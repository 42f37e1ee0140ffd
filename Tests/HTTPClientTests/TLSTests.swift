import Foundation
import HTTPClient
import Testing
import ServiceLab

@Suite struct TLSTests {
    @Test func `a self-signed certificate is not trusted, unless it is named as the authority`() async throws
    {
        try await OpenSSLServer.run { server in
            let url = "https://mina.test:\(server.port)/"
            var request = HTTPRequest(url: url, deadline: .seconds(10))
            request.connectTo = HTTPEndpoint(host: "127.0.0.1", port: server.port)
            let error = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(
                error?.message.hasPrefix("the certificate is not trusted: self-signed") == true,
                "\(String(describing: error))"
            )

            request.caFile = server.certificate
            let response = try await HTTPClient().send(request)
            #expect(response.status == 200)

            request.url = "https://other.test:\(server.port)/"
            let wrong = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(wrong?.message.contains("other.test") == true, "\(String(describing: wrong))")
        }
    }

    @Test func `a handshake that hangs ends at the deadline and is named`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let request = HTTPRequest(url: "https://127.0.0.1:\(server.port)/", deadline: .milliseconds(500))
            let error = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(error?.message.contains("then no TLS handshake") == true, "\(String(describing: error))")
        }
    }

    @Test func `a server without TLS fails the handshake`() async throws {
        try await RawServer.behaving({ connection in
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.hold()
        }) { server in
            let request = HTTPRequest(url: "https://127.0.0.1:\(server.port)/")
            let error = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(
                error?.message.hasPrefix("the TLS handshake failed") == true,
                "\(String(describing: error))"
            )
        }
    }
}

/// `openssl s_server` with a self-signed certificate for `mina.test`, on a port of its own choice.
private struct OpenSSLServer {
    let port: Int
    let certificate: String

    static func run(_ body: (OpenSSLServer) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let certificate = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let maker = try start(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2",
            ]
                + ["-keyout", key, "-out", certificate, "-subj", "/CN=mina.test"]
                + ["-addext", "subjectAltName=DNS:mina.test"]
        )
        maker.process.waitUntilExit()
        try #require(maker.process.terminationStatus == 0)
        let server = try start([
            "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www",
        ])
        defer {
            // A child of a dispatch thread may have SIGTERM blocked.
            kill(server.process.processIdentifier, SIGKILL)
            server.process.waitUntilExit()
        }
        try await body(OpenSSLServer(port: try port(from: server.output), certificate: certificate))
    }

    private static func start(_ arguments: [String]) throws -> (process: Process, output: FileHandle) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return (process, pipe.fileHandleForReading)
    }

    /// The server says `ACCEPT 127.0.0.1:PORT` once it listens.
    private static func port(from output: FileHandle) throws -> Int {
        var text = ""
        while !text.contains(/ACCEPT \S+:\d+\n/) {
            let data = output.availableData
            try #require(!data.isEmpty, "openssl ended: \(text)")
            text += String(decoding: data, as: UTF8.self)
        }
        let match = try #require(text.firstMatch(of: /ACCEPT \S+:(\d+)\n/))
        return try #require(Int(match.output.1))
    }
}
