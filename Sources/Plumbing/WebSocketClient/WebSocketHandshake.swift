internal import CLibcrypto
package import HTTPClient

/// The opening handshake (RFC 6455, section 4): the request, and whether the answer accepts it.
struct WebSocketHandshake {
    /// The answer's head may have as many bytes.
    static let headLimit = 32_768

    let request: WebSocketRequest
    /// Sixteen random bytes, as they are sent.
    let key: String

    init(_ request: WebSocketRequest, key: [UInt8]) {
        self.request = request
        self.key = Base64.encode(key)
    }

    /// `cookies` is the value of the header, `nil` for none.
    func bytes(cookies: String?) -> [UInt8] {
        var lines = [
            "GET \(request.path) HTTP/1.1", "Host: \(request.host)", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \(key)",
        ]
        if !request.subprotocols.isEmpty {
            lines.append("Sec-WebSocket-Protocol: \(request.subprotocols.joined(separator: ", "))")
        }
        let names = request.headers.map { $0.name.lowercased() }
        if !names.contains("user-agent") { lines.append("User-Agent: bgdeploy") }
        if let cookies, !names.contains("cookie") { lines.append("Cookie: \(cookies)") }
        lines += request.headers.map { "\($0.name): \($0.value)" }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// What the server must answer to our key.
    static func accept(key: String) -> String {
        let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        _ = SHA1(text, text.count, &digest)
        return Base64.encode(digest)
    }

    /// Why `answer` does not open a WebSocket; `nil` when it does.
    func complaint(about answer: WebSocketAnswer) -> String? {
        guard answer.status == 101 else {
            return "the handshake was answered with status \(answer.status) \(answer.reason)".trimmed
        }
        guard answer.values(of: "upgrade").contains(where: { $0.lowercased() == "websocket" }) else {
            return "the answer has no `Upgrade: websocket`"
        }
        let connection = answer.values(of: "connection").flatMap { $0.lowercased().split(separator: ",") }
        guard connection.contains(where: { String($0).trimmed == "upgrade" }) else {
            return "the answer has no `Connection: Upgrade`"
        }
        guard answer.values(of: "sec-websocket-accept") == [Self.accept(key: key)] else {
            return
                "the answer's Sec-WebSocket-Accept does not fit the key: who answers does not know WebSocket"
        }
        guard answer.values(of: "sec-websocket-extensions").isEmpty else {
            return "the answer agrees to an extension that nobody asked for"
        }
        let chosen = answer.values(of: "sec-websocket-protocol")
        if request.subprotocols.isEmpty {
            return chosen.isEmpty ? nil : "the answer chooses a subprotocol that nobody asked for"
        }
        guard chosen.count == 1, request.subprotocols.contains(chosen[0]) else {
            return "the server takes none of the subprotocols \(request.subprotocols.joined(separator: ", "))"
        }
        return nil
    }
}

/// The head of the answer to a handshake, with what came of a body.
package struct WebSocketAnswer: Hashable, Sendable {
    package var status = 0
    package var reason = ""
    package var headers: [HTTPHeader] = []
    /// Of a refusal: what came with it.
    package var body: [UInt8] = []

    package func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// Reads a head without its empty line; `nil` for what is not HTTP.
    init?(head: [UInt8]) {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first, first.hasPrefix("HTTP/1.") else { return nil }
        let parts = first.split(separator: " ", maxSplits: 2)
        guard parts.count > 1, let status = Int(parts[1]), (100...999).contains(status) else { return nil }
        self.status = status
        reason = parts.count > 2 ? String(parts[2]) : ""
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = String(line[line.index(after: colon)...]).trimmed
            headers.append(HTTPHeader(String(line[..<colon]), value))
        }
    }
}

extension String {
    /// Without blanks at both ends.
    fileprivate var trimmed: String {
        let start = drop { $0 == " " || $0 == "\t" }
        let end = start.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { String(start[...$0]) } ?? ""
    }
}
