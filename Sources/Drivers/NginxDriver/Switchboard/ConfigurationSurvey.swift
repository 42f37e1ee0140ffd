import DeployPorts
import NginxConfig

/// What of a configuration the switchboard has to know, gathered in one walk.
struct ConfigurationSurvey: Sendable {
    typealias Place = ConfigurationTree.Place

    let tree: ConfigurationTree
    private(set) var passes: [Pass] = []
    /// Directives that a block hands down, by the block that they stand in, includes counted as text.
    private var settings: [Place?: [Place]] = [:]
    /// Variables that are given the upstream's name as their value.
    private var aliases: [(variable: String, place: Place)] = []
    /// Directives that speak of `$proxy_host`.
    private(set) var hosts: [Place] = []

    init(_ tree: ConfigurationTree, upstream: String, pool: String) {
        self.tree = tree
        var (passes, hosts): ([Pass], [Place]) = ([], [])
        var settings: [Place?: [Place]] = [:]
        var aliases: [(String, Place)] = []
        let values = [upstream, "http://\(upstream)", "https://\(upstream)"]
        tree.walk { place, around in
            let statement = place.statement
            if let pass = Pass(place, around, upstream: upstream, pool: pool) { passes.append(pass) }
            if Self.isHandedDown(statement.name) { settings[around.last, default: []].append(place) }
            if statement.arguments.contains(where: Self.speaksOfHost) { hosts.append(place) }
            if let value = statement.arguments.last, values.contains(value) {
                if statement.name == "set" {
                    aliases.append((statement.arguments[0], place))
                } else if let block = around.last?.statement,
                    ["map", "split_clients", "geo"].contains(block.name)
                {
                    aliases.append((block.arguments.last ?? "", place))
                }
            }
        }
        (self.passes, self.settings, self.aliases, self.hosts) = (passes, settings, aliases, hosts)
    }

    /// The search itself is slow, and a configuration has thousands of words.
    private static func speaksOfHost(_ word: String) -> Bool {
        word.utf8.contains(UInt8(ascii: "$")) && word.contains("$proxy_host")
    }

    private static func isHandedDown(_ name: String) -> Bool {
        switch name {
        case "proxy_set_header", "grpc_set_header", "proxy_redirect", "proxy_ssl_name", "grpc_ssl_name",
            "proxy_cache", "proxy_cache_key", "open_file_cache", "disable_symlinks", "include":
            true
        default: false
        }
    }

    /// The directives `name` that count in the innermost of `blocks`: those of the innermost block that has
    /// any.
    func effective(_ name: String, in blocks: [Place]) -> (block: Place?, found: [Place]) {
        for block in blocks.reversed() {
            let found = directives(name, in: block)
            if !found.isEmpty { return (block, found) }
        }
        return (nil, [])
    }

    /// The directives `name` that stand directly in `block`.
    func directives(_ name: String, in block: Place) -> [Place] {
        settings[block, default: []].filter { $0.statement.name == name }
    }

    /// A place that gives a variable the upstream's name, if something is passed on by that variable.
    var alias: Place? {
        let words = passes.compactMap { $0.target == .other ? $0.place.statement.arguments.first : nil }
        return aliases.first { alias in
            let isSwitch = alias.variable.isEmpty
            return !isSwitch && words.contains { Self.variables(of: $0).contains(alias.variable) }
        }?.place
    }

    /// `$x` of `http://$x/${y}`, and `$y`.
    private static func variables(of word: String) -> Set<String> {
        Set(
            word.split(separator: "$", omittingEmptySubsequences: false).dropFirst().map { part in
                let name = part.drop { $0 == "{" }.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                return "$\(name)"
            }
        )
    }
}
