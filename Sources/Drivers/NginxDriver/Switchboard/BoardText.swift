import DeployCore
import DeployPorts
import NginxConfig
import SafeFile
import TrafficShares

/// The two files that ``NginxSwitchboard`` adds to a configuration.
///
/// A request is looked at once, before its location is chosen: `if (-f …)` asks whether the folder behind the
/// link `cur` has the file of the request's bucket. Only `set` stands inside these `if`s, which is what they
/// are safe for.
struct BoardText: Sendable {
    let settings: NginxSettings
    let names: BoardNames
    /// The folder of the switchboard, in plain characters.
    let folder: String

    /// The texts of both files, for the upstream block that is in `contents`.
    func files(of contents: FileContents) throws(LoadBalancerError) -> (http: [UInt8], server: [UInt8]) {
        let configuration: NginxConfiguration
        do throws(ConfigurationError) {
            configuration = try NginxConfiguration(parsing: contents.bytes)
        } catch {
            throw .misconfigured("\(contents.path):\(error.description)")
        }
        guard let upstream = configuration.upstreams(named: settings.upstream).first else {
            throw .misconfigured("\(contents.path) has no upstream `\(settings.upstream)`")
        }
        return (Array(try http(upstream: upstream, of: configuration).utf8), Array(try server().utf8))
    }

    /// For the `http` block: who asks, his bucket, and a pool of servers for each environment.
    func http(
        upstream: Upstream,
        of configuration: NginxConfiguration
    ) throws(LoadBalancerError) -> String {
        var parts = [heading("http")]
        if let sticky = settings.sticky {
            parts.append(map(of: sticky, to: names.key, pattern: nil, default: "$remote_addr"))
        }
        if let users = settings.chosenUsers {
            // A name that begins with a dot belongs to nobody, and no other can leave the folder.
            let pattern = "[0-9A-Za-z_@+=-][0-9A-Za-z._@+=-]{0,127}"
            parts.append(map(of: users.key, to: names.user, pattern: pattern, default: ".nobody"))
        }
        parts.append(buckets)
        let pools = try PoolText(settings: settings, upstream: upstream, configuration: configuration)
        for side in 0...1 {
            for hasFallback in [false, true] {
                parts.append(
                    try pools.text(names.upstream(side, hasFallback: hasFallback), side, hasFallback)
                )
            }
        }
        return parts.joined(separator: "\n")
    }

    /// For each `server` block whose locations pass to the upstream.
    func server() throws(LoadBalancerError) -> String {
        let labels = settings.environments.map(\.name.rawValue)
        var lines = [
            heading("the servers"),
            "# Without the folder, the weights of the upstream block count.",
            "set $\(names.pool) \(settings.upstream);",
        ]
        let plain = (0...1).map { names.upstream($0, hasFallback: false) }
        let safe = (0...1).map { names.upstream($0, hasFallback: true) }
        lines += [
            choice("\(labels[0])", plain[0]),
            choice("\(labels[0])-or-\(labels[1])", safe[0]),
            choice("\(labels[1])/$\(names.bucket)", plain[1]),
            choice("\(labels[1])-or-\(labels[0])/$\(names.bucket)", safe[1]),
        ]
        if settings.chosenUsers != nil {
            for side in 0...1 {
                lines.append(choice("users-\(labels[side])/$\(names.user)", safe[side]))
            }
        }
        if let path = try probePath() { lines.append(probe(at: path)) }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: parts

    private func heading(_ place: String) -> String {
        """
        # Traffic of the service \(settings.service): the switchboard of bgdeploy, included in \(place).
        # Written by `bgdeploy traffic install`; do not edit. To be rid of it: take out the lines that include
        # this file and the one beside it, write `http://\(settings.upstream)` again in place of
        # `http://$\(names.pool)`, and reload nginx.

        """
    }

    private func choice(_ file: String, _ pool: String) -> String {
        "if (-f \(folder)/cur/\(file)) { set $\(names.pool) \(pool); }"
    }

    private func map(
        of key: UserKey,
        to variable: String,
        pattern: String?,
        default fallback: String
    ) -> String {
        let value: String
        switch key {
        case .header(let name):
            value = "$http_" + name.lowercased().replacing("-", with: "_")
        case .cookie(let name) where name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }):
            value = "$cookie_\(name)"
        case .cookie(let name):
            return cookieMap(of: name, to: variable, pattern: pattern ?? "[^;]+", default: fallback)
        case .address: value = "$remote_addr"
        }
        guard let pattern else {
            return "map \(value) $\(variable) {\n    default \(value);\n    '' \(fallback);\n}\n"
        }
        return "map \(value) $\(variable) {\n    default \(fallback);\n    \"~^\(pattern)\\z\" \(value);\n}\n"
    }

    /// nginx has no variable for a cookie with a `-` or a `.` in its name.
    private func cookieMap(
        of name: String,
        to variable: String,
        pattern: String,
        default fallback: String
    ) -> String {
        let quoted = name.replacing(".", with: "\\.")
        return """
            map $http_cookie $\(variable) {
                default \(fallback);
                "~*(?:^|[; ])\(quoted)=(\(pattern))(?:;|\\z)" $1;
            }

            """
    }

    /// A thousand parts; what is not sticky draws a new number for each request.
    private var buckets: String {
        let key = settings.sticky == nil ? "request_id" : names.key
        var lines = ["split_clients $\(key) $\(names.bucket) {"]
        let last = TrafficShares.bucketCount - 1
        for start in stride(from: 0, to: last, by: 10) {
            let parts = (start..<min(start + 10, last)).map { "0.1% \(BoardSet.file(ofBucket: $0));" }
            lines.append("    " + parts.joined(separator: " "))
        }
        return (lines + ["    * \(last);", "}", ""]).joined(separator: "\n")
    }

    // MARK: the probe

    /// The path of the key `probe`; `nil` without the key.
    func probePath() throws(LoadBalancerError) -> String? {
        guard let url = settings.probe else { return nil }
        // `http://host/path`, `http://unix:/socket:/path`.
        let socket = url.firstRange(of: "://unix:")
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? ""
        let start =
            socket == nil ? rest.firstIndex(of: "/") : rest.lastIndex(of: ":").map { rest.index(after: $0) }
        let path = start.map { String(rest[$0...]) } ?? ""
        guard path.hasPrefix("/"), path.count > 1,
            path.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) })
        else {
            throw .misconfigured(
                "the balancer's key `probe` is `\(url)`; mode switchboard needs a URL such as http://127.0.0.1/.well-known/bgdeploy/\(settings.service), and answers there itself"
            )
        }
        return path
    }

    /// Serves a file from behind the link, so that the answer is what this worker sees of the switchboard.
    private func probe(at path: String) -> String {
        """
        location = \(path) {
            allow 127.0.0.0/8;
            allow ::1;
            allow unix:;
            deny all;
            access_log off;
            default_type text/plain;
            add_header X-Bgdeploy "$\(names.bucket) $\(names.pool)";
            alias \(folder)/cur/\(Board.nameFile);
        }
        """
    }
}
