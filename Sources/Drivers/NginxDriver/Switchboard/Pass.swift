import DeployPorts
import NginxConfig

/// A directive that passes requests on, such as `proxy_pass http://app;`.
struct Pass: Sendable {
    enum Target: Hashable, Sendable {
        case upstream(scheme: String, path: Path)
        /// The switchboard's pool.
        case pool(scheme: String, path: Path)
        /// Another upstream, or a variable.
        case other
    }

    /// What stands behind the name.
    enum Path: Hashable, Sendable {
        /// Nothing: the request's own path is sent, as the client wrote it.
        case none
        /// A path that takes the place of the location's in the request's.
        case replacing(String)
        /// A text with variables, sent as it is instead of the request's path.
        case whole(String)
        /// More of the name, by a variable.
        case unclear
    }

    let place: ConfigurationTree.Place
    /// The blocks around it, outermost first.
    let around: [ConfigurationTree.Place]
    let target: Target

    /// `proxy` of `proxy_pass`.
    var protocolName: String { String(place.statement.name.dropLast("_pass".count)) }

    /// `nil` for a directive that passes nothing on.
    init?(
        _ place: ConfigurationTree.Place,
        _ around: [ConfigurationTree.Place],
        upstream: String,
        pool: String
    ) {
        let statement = place.statement
        guard statement.name.hasSuffix("_pass"), !statement.hasBlock, let url = statement.arguments.first
        else { return nil }
        self.place = place
        self.around = around
        let parts = url.firstRange(of: "://").map { (String(url[..<$0.upperBound]), url[$0.upperBound...]) }
        let (scheme, rest) = parts ?? ("", url[...])
        if around.first?.statement.name == "stream" {
            // An upstream of this name there is another one.
            target = .other
        } else if let path = Self.path(in: rest, behind: "$\(pool)") {
            target = .pool(scheme: scheme, path: path)
        } else if let path = Self.path(in: rest, behind: upstream) {
            target = .upstream(scheme: scheme, path: path)
        } else {
            target = .other
        }
    }

    /// What follows `name` at the beginning of `text`; `nil` when another name stands there.
    private static func path(in text: Substring, behind name: String) -> Path? {
        guard text.lowercased().hasPrefix(name.lowercased()) else { return nil }
        let rest = text.dropFirst(name.count)
        guard let next = rest.first else { return Path.none }
        if next == "/" { return rest.contains("$") ? .whole(String(rest)) : .replacing(String(rest)) }
        guard next == "$" else { return nil }
        let isWholePath = ["$request_uri", "${request_uri}"].contains { rest.hasPrefix($0) }
        return isWholePath ? .whole(String(rest)) : .unclear
    }

    /// `http://` of `http://app`; `nil` when it does not go to the upstream.
    var scheme: String? {
        switch target {
        case .upstream(let scheme, _), .pool(let scheme, _): scheme
        case .other: nil
        }
    }

    var path: Path {
        switch target {
        case .upstream(_, let path), .pool(_, let path): path
        case .other: .none
        }
    }

    /// Why the switchboard cannot take it over; `nil` when it can.
    var refusal: String? {
        guard target != .other else { return nil }
        guard ["proxy", "grpc", "fastcgi", "uwsgi", "scgi"].contains(protocolName) else {
            return "`\(place.statement.name)` takes no variable"
        }
        guard around.contains(where: { $0.statement.name == "server" }) else {
            return "it is in no `server` block"
        }
        switch path {
        case .none: return nil
        case .unclear: return "a variable follows the upstream's name there, so which name it is is not known"
        case .replacing, .whole:
            if protocolName == "proxy" { return nil }
            return "`\(place.statement.name)` takes no path behind the upstream's name"
        }
    }

    /// The innermost location around it.
    var location: ConfigurationTree.Place? { around.last { $0.statement.name == "location" } }

    /// Whether it stands in an `if` or `limit_except` of its location, where most directives are not allowed.
    var isConditional: Bool { around.last != location }
}
