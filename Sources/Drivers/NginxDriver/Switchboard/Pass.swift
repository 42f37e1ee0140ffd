import DeployPorts
import NginxConfig

/// A directive that passes requests on, such as `proxy_pass http://app;`.
struct Pass: Sendable {
    enum Target: Hashable, Sendable {
        /// The upstream, and nothing behind it.
        case upstream(scheme: String)
        /// The upstream, with a path that would replace a part of the request's.
        case upstreamWithPath
        /// The switchboard's pool.
        case pool(scheme: String)
        /// Another upstream, or a variable.
        case other
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
        let host = rest.prefix { $0 != "/" }
        if around.first?.statement.name == "stream" {
            // An upstream of this name there is another one.
            target = .other
        } else if host == "$\(pool)" {
            target = .pool(scheme: scheme)
        } else if host.lowercased() == upstream.lowercased() {
            target = host.count == rest.count ? .upstream(scheme: scheme) : .upstreamWithPath
        } else {
            target = .other
        }
    }

    /// `http://` of `http://app`; `nil` when it does not go to the upstream.
    var scheme: String? {
        switch target {
        case .upstream(let scheme), .pool(let scheme): scheme
        case .upstreamWithPath, .other: nil
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
        guard target == .upstreamWithPath else { return nil }
        return
            "the path behind the upstream's name replaces a part of the request's, which nginx does not do with a variable there; leave the path out, with a `rewrite … break` where it matters"
    }

    /// The innermost location around it.
    var location: ConfigurationTree.Place? { around.last { $0.statement.name == "location" } }

    /// Whether it stands in an `if` or `limit_except` of its location, where most directives are not allowed.
    var isConditional: Bool { around.last != location }
}
