import Foundation
import HTTPClient
import Testing

/// What came back.
struct Answer: Sendable {
    let status: Int
    let text: String
    fileprivate let response: HTTPResponse

    fileprivate init(_ response: HTTPResponse) {
        self.response = response
        status = response.status
        text = String(decoding: response.body, as: UTF8.self)
    }

    func values(of name: String) -> [String] { response.values(of: name) }

    func header(_ name: String) -> String? { values(of: name).first }

    var json: [String: Any] {
        get throws { try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) }
    }
}

/// A client that can lie in every header.
struct Caller: Sendable {
    let port: Int
    var socket: String?
    var headers: [String: String] = [:]

    func bearing(_ token: String?) -> Caller {
        with(["Authorization": token.map { "Bearer \($0)" }])
    }

    /// A browser with this cookie on a page of the service itself.
    func browsing(_ cookie: String?, name: String = "bgdeploy") -> Caller {
        with(["Cookie": cookie.map { "\(name)=\($0)" }, "Origin": origin])
    }

    func with(_ more: [String: String?]) -> Caller {
        var visitor = self
        for (name, value) in more { visitor.headers[name] = value }
        return visitor
    }

    var authority: String { socket == nil ? "127.0.0.1:\(port)" : "localhost" }
    var origin: String { "http://\(authority)" }

    func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> Answer {
        var headers = headers
        if body != nil, headers["Content-Type"] == nil { headers["Content-Type"] = "application/json" }
        var request = HTTPRequest(
            method: method,
            url: "http://\(authority)\(path)",
            headers: headers.map { HTTPHeader($0.key, $0.value) },
            body: body.map { Array($0.utf8) },
            deadline: .seconds(30)
        )
        request.unixSocket = socket
        return Answer(try await HTTPClient().send(request))
    }

    func get(_ path: String) async throws -> Answer { try await send("GET", path) }

    func post(_ path: String, _ body: String? = nil) async throws -> Answer {
        try await send("POST", path, body)
    }

    /// As a form; from `csrf` on, where a session has one.
    func submit(_ path: String, _ form: String) async throws -> Answer {
        try await with(["Content-Type": "application/x-www-form-urlencoded"]).post(path, form)
    }

    /// Logs in, and returns the cookie's value.
    func logIn(_ token: String, name: String = "bgdeploy") async throws -> String {
        let answer = try await browsing(nil).submit("/login", "token=\(token)")
        let cookie = try #require(answer.values(of: "Set-Cookie").first)
        let value = try #require(cookie.split(separator: ";").first)
        return String(value.dropFirst(name.count + 1))
    }
}
