import DeployCore
import DeployPorts
import HTTPClient

/// Where the load goes: to the candidate, or to the users' address, through this host's balancer or not.
struct LoadTarget: Hashable, Sendable {
    enum Route: String, CaseIterable, Hashable, Sendable {
        case candidate, stable
        /// To `public_url`, as a user goes.
        case `public`
        /// To this host's balancer, with the `Host` and the SNI of `public_url`.
        case balancer
    }

    struct Resolved: Hashable, Sendable {
        let target: ConnectionTarget
        /// As `Host` has it.
        let authority: String
        /// What stands before every path; without a `/` at its end.
        let prefix: String
        let url: String
    }

    let route: Route
    let publicURL: String?

    /// Takes `via` out of `reader`.
    static func read(_ reader: inout MapReader, _ context: StepContext) -> LoadTarget {
        let usual = LoadTarget(
            route: context.phase == .drain ? .stable : .candidate,
            publicURL: context.publicURL
        )
        guard let value = reader.optional("via"), let text = reader.text(of: value, "via") else {
            return usual
        }
        guard let route = Route(rawValue: text) else {
            let routes = Route.allCases.map(\.rawValue)
            let hint = Spelling.nearest(to: text, among: routes).map { "; did you mean `\($0)`?" } ?? ""
            reader.diagnostics.report(
                value.position,
                "`via` must be \(routes.joined(separator: ", ")), found `\(text)`\(hint)"
            )
            return usual
        }
        if route == .public || route == .balancer, context.publicURL == nil {
            reader.diagnostics.report(
                value.position,
                "`via: \(route.rawValue)` needs a `public_url` in the playbook"
            )
        }
        return LoadTarget(route: route, publicURL: context.publicURL)
    }

    func resolved(in values: Values) throws(StepFailure) -> Resolved {
        let url = try base(in: values)
        let start = url.prefix(8).lowercased()
        let isSecure = start.hasPrefix("https://")
        let rest = url.drop { $0 != ":" }.dropFirst(3)
        let authority = String(rest.prefix { !"/?#".contains($0) })
        let port = isSecure ? 443 : 80
        guard isSecure || start.hasPrefix("http://"),
            let endpoint = HTTPEndpoint(authority) ?? HTTPEndpoint("\(authority):\(port)")
        else {
            throw StepFailure("\(url) is no http or https URL of a host", isTransient: false)
        }
        var target = ConnectionTarget(host: endpoint.host, port: endpoint.port, isSecure: isSecure)
        if route == .balancer { target.connectTo = HTTPEndpoint(host: "127.0.0.1", port: endpoint.port) }
        let path = rest.dropFirst(authority.count).prefix { !"?#".contains($0) }
        return Resolved(
            target: target,
            authority: authority,
            prefix: String(path.hasSuffix("/") ? path.dropLast() : path),
            url: url
        )
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
}

/// A path with its query.
struct LoadPath: Hashable, Sendable {
    let template: Template
    /// How often it is asked for, in relation to the others.
    let weight: Int

    /// Puts the values in, percent-encoded, so that none can climb out of its place.
    func resolved(in values: Values) throws(StepFailure) -> String {
        var result = ""
        for part in template.parts {
            switch part {
            case .text(let text): result += text
            case .reference(let name): result += Self.encode(try values.value(of: name))
            }
        }
        return result
    }

    /// Keeps the unreserved characters of RFC 3986, section 2.3, alone.
    private static func encode(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.append(Character(Unicode.Scalar(byte)))
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
