import DeployPorts
import HTTPClient

/// Where a request goes.
struct HTTPTarget: Hashable, Sendable {
    enum Route: String, CaseIterable, Hashable, Sendable {
        case candidate, stable
        /// To `public_url`, as a user goes.
        case `public`
        /// To this host's balancer, with the `Host` and the SNI of `public_url`.
        case balancer
    }

    /// A path, or a whole URL.
    let address: Template
    let route: Route
    let publicURL: String?

    struct Resolved: Hashable, Sendable {
        let url: String
        let connectTo: HTTPEndpoint?
    }

    /// Whether the address is sure to be a path or a URL; `nil` while only its values can tell.
    static func isPath(_ address: Template) -> Bool? {
        guard case .text(let text) = address.parts.first else { return address.parts.isEmpty ? false : nil }
        if text.hasPrefix("/") { return true }
        return isURL(text) ? false : nil
    }

    static func isURL(_ text: String) -> Bool {
        let start = text.prefix(8).lowercased()
        return start.hasPrefix("http://") || start.hasPrefix("https://")
    }

    /// `text` with `http` for `ws` in its scheme: a WebSocket begins as a request.
    static func withoutWebSocketScheme(_ text: String) -> String {
        let start = text.prefix(6).lowercased()
        return start.hasPrefix("ws://") || start.hasPrefix("wss://") ? "http" + text.dropFirst(2) : text
    }

    /// Where it goes; `takesWebSocketURLs` also lets `ws` and `wss` be the scheme of a URL.
    func resolved(
        in values: Values,
        takesWebSocketURLs: Bool = false
    ) throws(StepFailure) -> Resolved {
        let given = try Self.text(of: address, in: values)
        let text = takesWebSocketURLs ? Self.withoutWebSocketScheme(given) : given
        var url = text
        if text.hasPrefix("/") {
            let base = try self.base(in: values)
            url = (base.hasSuffix("/") ? String(base.dropLast()) : base) + text
        }
        guard Self.isURL(url) else {
            throw StepFailure(
                "\(address.source) is neither a path that begins with / nor an http or https URL: \(url)",
                isTransient: false
            )
        }
        guard route == .balancer else { return Resolved(url: url, connectTo: nil) }
        return Resolved(url: url, connectTo: HTTPEndpoint(host: "127.0.0.1", port: Self.port(of: url)))
    }

    private func base(in values: Values) throws(StepFailure) -> String {
        switch route {
        case .candidate: return try values.value(of: "candidate.url")
        case .stable: return try values.value(of: "stable.url")
        case .public, .balancer:
            guard let url = values.plain["public_url"] ?? publicURL else {
                throw StepFailure("the playbook has no `public_url`", isTransient: false)
            }
            return url
        }
    }

    /// Puts the values in: as they are at the very start and within the host, percent-encoded behind it, so
    /// that a captured value cannot climb out of its place in the path.
    private static func text(of address: Template, in values: Values) throws(StepFailure) -> String {
        var result = ""
        for part in address.parts {
            switch part {
            case .text(let text): result += text
            case .reference(let name):
                let value = try values.value(of: name)
                result += isBehindHost(result) ? PercentEncoding.encode(value) : value
            }
        }
        return result
    }

    private static func isBehindHost(_ start: String) -> Bool {
        guard let scheme = start.firstRange(of: "://") else { return start.hasPrefix("/") }
        return start[scheme.upperBound...].contains { "/?#".contains($0) }
    }

    private static func port(of url: String) -> Int {
        let isSecure = url.lowercased().hasPrefix("https:")
        let authority = url.drop { $0 != ":" }.dropFirst(3).prefix { !"/?#".contains($0) }
        return HTTPEndpoint(String(authority))?.port ?? (isSecure ? 443 : 80)
    }
}
