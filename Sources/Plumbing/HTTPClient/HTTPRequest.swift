/// One request, as it is to be sent.
///
/// What is not said here is not done: no redirect is followed, no content coding asked for, no proxy of the
/// environment used, and the certificate of an https server is always checked.
package struct HTTPRequest: Hashable, Sendable {
    package var method: String
    /// `http://` or `https://`, without a user or a password.
    package var url: String
    package var headers: [HTTPHeader]
    package var body: [UInt8]?
    /// Connects there, while `Host` and SNI stay those of ``url``.
    package var connectTo: HTTPEndpoint?
    /// Connects to this socket, while `Host` stays that of ``url``.
    package var unixSocket: String?
    /// For everything together, from the name's look-up to the last byte.
    package var deadline: Duration
    /// For the connection alone, TLS included; `nil` for ``deadline``.
    package var connectDeadline: Duration?
    /// The most bytes that a body may have, as they come over the wire without the transfer coding.
    package var bodyLimit: Int
    package var basicAuth: HTTPBasicAuth?
    /// PEM file of the authorities to trust instead of the system's.
    package var caFile: String?
    /// Sent with the request and filled by the answer.
    package var cookies: CookieJar?

    package init(
        method: String = "GET",
        url: String,
        headers: [HTTPHeader] = [],
        body: [UInt8]? = nil,
        deadline: Duration = .seconds(5),
        bodyLimit: Int = 65_536
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.bodyLimit = bodyLimit
    }
}

package struct HTTPHeader: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Why it cannot be sent; `nil` when it can.
    package var complaint: String? {
        guard Self.isToken(name) else { return "a header's name has a character that may not stand there" }
        guard value.utf8.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }) else {
            return "the header \(name) has a line break or a control character in it"
        }
        return nil
    }

    /// RFC 9110, section 5.6.2.
    package static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

/// A host and a port to connect to.
///
/// An IPv6 address may stand with or without its brackets.
package struct HTTPEndpoint: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        self.port = port
    }

    /// Reads `host:port` and `[::1]:port`; `nil` for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        let host = String(text[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let allowed = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/@?#\\".utf8.contains($0) }
        guard !host.isEmpty, allowed, isBracketed || !host.contains(":") else { return nil }
        self.init(host: host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

package struct HTTPBasicAuth: Hashable, Sendable {
    package let user: String
    package let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}
