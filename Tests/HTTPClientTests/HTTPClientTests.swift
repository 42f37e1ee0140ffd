import Foundation
import HTTPClient
import Testing
import ServiceLab

@Suite struct HTTPClientTests {
    private let client = HTTPClient()
    private static let ok = "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nhi"

    @Test func `an answer comes with status, reason, headers, body, address and duration`() async throws {
        try await RawServer.answering(Self.ok) { server in
            let response = try await client.send(HTTPRequest(url: server.url + "/a/../b?c=d"))
            #expect(response.status == 200)
            #expect(response.reason == "Fine")
            #expect(response.values(of: "x-a") == ["1", "2"])
            #expect(response.body == Array("hi".utf8))
            #expect(response.connectedTo == "127.0.0.1:\(server.port)")
            #expect(response.duration > .zero)
            #expect(server.requests.first?.hasPrefix("GET /a/../b?c=d HTTP/1.1\r\n") == true)
        }
    }

    @Test func `a body is sent as it is, without headers of libcurl's own`() async throws {
        try await RawServer.answering(Self.ok) { server in
            var request = HTTPRequest(method: "PUT", url: server.url, body: Array("a\u{0}b".utf8))
            request.headers = [HTTPHeader("X-Empty", ""), HTTPHeader("X-One", "1")]
            _ = try await client.send(request)
            let sent = try #require(server.requests.first)
            #expect(sent.hasPrefix("PUT / HTTP/1.1\r\n"))
            #expect(sent.hasSuffix("\r\n\r\na\u{0}b"))
            #expect(sent.contains("\r\nX-Empty:\r\n"))
            #expect(sent.contains("\r\nX-One: 1\r\n"))
            #expect(!sent.contains("Content-Type"))
            #expect(!sent.contains("Expect"))
        }
    }

    @Test(arguments: ["POST", "DELETE", "PATCH"])
    func `a request without a body ends by itself`(method: String) async throws {
        try await RawServer.answering(Self.ok) { server in
            let response = try await client.send(HTTPRequest(method: method, url: server.url))
            #expect(response.status == 200)
            #expect(server.requests.first?.hasPrefix("\(method) / HTTP/1.1\r\n") == true)
        }
    }

    @Test func `HEAD expects no body, whatever its length is said to be`() async throws {
        try await RawServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n") { server in
            let response = try await client.send(HTTPRequest(method: "HEAD", url: server.url))
            #expect(response.status == 200)
            #expect(response.body.isEmpty)
        }
    }

    @Test func `connecting elsewhere keeps the public name in Host`() async throws {
        try await RawServer.answering(Self.ok) { server in
            var request = HTTPRequest(url: "http://mina.production.test/x")
            request.connectTo = HTTPEndpoint(host: "127.0.0.1", port: server.port)
            let response = try await client.send(request)
            #expect(response.status == 200)
            #expect(server.requests.first?.contains("\r\nHost: mina.production.test\r\n") == true)
        }
    }

    @Test func `a unix socket is asked`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString.prefix(8))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "s").path
        let server = try RawServer(path: path) { connection in
            connection.readRequest()
            connection.send(Self.ok)
        }
        defer { server.stop() }
        var request = HTTPRequest(url: "http://localhost/x")
        request.unixSocket = path
        let response = try await client.send(request)
        #expect(response.body == Array("hi".utf8))
        #expect(response.connectedTo == path)
    }

    @Test func `basic authorization is sent with the first request`() async throws {
        try await RawServer.answering(Self.ok) { server in
            var request = HTTPRequest(url: server.url)
            request.basicAuth = HTTPBasicAuth(user: "ana", password: "a:b")
            _ = try await client.send(request)
            #expect(server.requests.first?.contains("Authorization: Basic YW5hOmE6Yg==") == true)
        }
    }

    @Test func `cookies are kept, sent back and removed`() async throws {
        try await RawServer.behaving({ connection in
            let head = connection.readRequest()
            let cookies =
                head.contains("/login")
                ? "Set-Cookie: session=abc; Path=/; HttpOnly\r\nSet-Cookie: b=2; Path=/admin\r\n"
                : head.contains("/logout") ? "Set-Cookie: session=; Max-Age=0; Path=/\r\n" : ""
            connection.send("HTTP/1.1 204 No Content\r\n\(cookies)\r\n")
        }) { server in
            let jar = CookieJar()
            for path in ["/login", "/home", "/admin/x", "/logout", "/home"] {
                var request = HTTPRequest(url: server.url + path)
                request.cookies = jar
                _ = try await client.send(request)
            }
            _ = try await client.send(HTTPRequest(url: server.url + "/stranger"))
            let sent = server.requests.map { head in
                head.split(separator: "\r\n").first { $0.hasPrefix("Cookie:") }.map(String.init)
            }
            #expect(sent[0] == nil)
            #expect(sent[1] == "Cookie: session=abc")
            #expect(sent[2]?.contains("session=abc") == true && sent[2]?.contains("b=2") == true)
            #expect(sent[4] == nil)
            #expect(sent[5] == nil)
        }
    }

    @Test func `a refused connection names the address`() async throws {
        let port = try RawServer.deadPort()
        let request = HTTPRequest(url: "http://127.0.0.1:\(port)/")
        await #expect(throws: HTTPError.refused(address: "127.0.0.1:\(port)")) {
            try await client.send(request)
        }
    }

    @Test func `a link-local address is never connected to`() async {
        for host in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"] {
            let error = await #expect(throws: HTTPError.self) {
                try await client.send(HTTPRequest(url: "http://\(host)/latest/meta-data"))
            }
            #expect(error?.message.contains("link-local addresses are never asked") == true, "\(host)")
        }
    }

    @Test(arguments: [
        "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://a b/",
        "http://user:secret@127.0.0.1:1/", "http://127.0.0.1:99999/", "127.0.0.1/x", "",
    ])
    func `what is no plain http URL is refused before anything is sent`(url: String) async {
        let error = await #expect(throws: HTTPError.self) { try await client.send(HTTPRequest(url: url)) }
        guard case .badRequest(let text) = error else {
            Issue.record("\(url): \(String(describing: error))")
            return
        }
        #expect(!text.contains("secret"))
    }

    @Test func `a header cannot bring another one along`() async {
        for header in [HTTPHeader("X-A", "1\r\nX-B: 2"), HTTPHeader("X A", "1"), HTTPHeader("X:A", "1")] {
            var request = HTTPRequest(url: "http://127.0.0.1:1/")
            request.headers = [header]
            let error = await #expect(throws: HTTPError.self) { try await client.send(request) }
            guard case .badRequest = error else {
                Issue.record("\(header): \(String(describing: error))")
                return
            }
        }
    }

    @Test func `a name that cannot be resolved is named`() async {
        let request = HTTPRequest(url: "http://nowhere.invalid:8080/", deadline: .seconds(3))
        let error = await #expect(throws: HTTPError.self) { try await client.send(request) }
        #expect(error?.message.contains("nowhere.invalid") == true, "\(String(describing: error))")
    }

    @Test func `a port that listens is connected to, and a dead one is refused`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let endpoint = HTTPEndpoint(host: "127.0.0.1", port: server.port)
            let time = try await client.connect(to: endpoint, deadline: .seconds(5))
            #expect(time > .zero)
        }
        let dead = HTTPEndpoint(host: "127.0.0.1", port: try RawServer.deadPort())
        await #expect(throws: HTTPError.refused(address: "\(dead)")) {
            try await client.connect(to: dead, deadline: .seconds(5))
        }
    }

    @Test func `endpoints are read strictly`() {
        #expect(HTTPEndpoint("a.b:80")?.description == "a.b:80")
        #expect(HTTPEndpoint("[::1]:80")?.description == "[::1]:80")
        for text in ["", "a", "a:", ":80", "a:0", "a:70000", "::1:80", "a/b:80", "u@a:80", "a b:80"] {
            #expect(HTTPEndpoint(text) == nil, "\(text)")
        }
    }
}
