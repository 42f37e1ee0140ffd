package import HTTPClient

/// Where a Redis is, and who we are to it.
package struct RedisAddress: Hashable, Sendable {
    package var target: ConnectionTarget
    package let user: String?
    package let password: String?
    package let database: Int
    /// For people: without user and password.
    package let place: String

    /// Reads `redis://[[user]:password@]host[:port][/database]`, the same with `rediss` for TLS, and
    /// `unix://[[user]:password@]/path[?db=database]`.
    ///
    /// `nil` for anything else; user and password may be percent-encoded.
    package init?(_ url: String) {
        guard let colon = url.firstRange(of: "://") else { return nil }
        let scheme = url[..<colon.lowerBound].lowercased()
        var rest = url[colon.upperBound...]
        if let at = rest.prefix(while: { $0 != "/" && $0 != "?" }).lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = parts.first.flatMap(Self.decoded),
                let password = parts.last.flatMap(Self.decoded), parts.count == 2
            else { return nil }
            self.user = user.isEmpty ? nil : user
            self.password = password
            rest = rest[rest.index(after: at)...]
        } else {
            (user, password) = (nil, nil)
        }
        switch scheme {
        case "unix":
            let parts = rest.split(separator: "?", maxSplits: 1)
            guard let path = parts.first.flatMap(Self.decoded), path.hasPrefix("/") else { return nil }
            let query = parts.count > 1 ? parts[1] : "db=0"
            guard query.hasPrefix("db="), let database = Int(query.dropFirst(3)), database >= 0 else {
                return nil
            }
            var target = ConnectionTarget(host: "localhost", port: 6379, isSecure: false)
            target.unixSocket = path
            self.target = target
            self.database = database
            place = path
        case "redis", "rediss":
            let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let path = parts.count > 1 ? parts[1] : ""
            guard let authority = parts.first, let database = path.isEmpty ? 0 : Int(path), database >= 0,
                let endpoint = HTTPEndpoint(String(authority)) ?? HTTPEndpoint("\(authority):6379")
            else { return nil }
            var target = ConnectionTarget(
                host: endpoint.host,
                port: endpoint.port,
                isSecure: scheme == "rediss"
            )
            target.offersHTTP = false
            self.target = target
            self.database = database
            place = "\(endpoint)"
        default: return nil
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else { bytes.append(byte); continue }
            guard rest.count >= 2, let code = UInt8(String(Substring(rest.prefix(2))), radix: 16) else {
                return nil
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
