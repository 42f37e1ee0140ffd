import DeployPorts
import NginxConfig

/// Copies of the user's `upstream` block, each with the servers of one environment.
///
/// A server keeps its own parameters; its weight counts within its environment only, without the common
/// factor, so that a copy is the same whatever the shares are just now. A pool with the fallback has the
/// other environment's servers as `backup`, unless the block divides by a method that nginx allows no backup
/// with.
struct PoolText {
    private let settings: NginxSettings
    private let statements: [(statement: Statement, words: [String])]
    private let servers: [Statement: UpstreamServer]
    private let allowsBackup: Bool
    private let file: String

    init(
        settings: NginxSettings,
        upstream: Upstream,
        configuration: NginxConfiguration
    ) throws(LoadBalancerError) {
        self.settings = settings
        file = settings.file
        let block = configuration.statements(in: configuration.statement(of: upstream))
        statements = block.map { ($0, configuration.words(of: $0)) }
        let present = block.filter { $0.name == "server" && !$0.hasBlock && !$0.arguments.isEmpty }
        servers = Dictionary(uniqueKeysWithValues: zip(present, upstream.servers))
        allowsBackup = !["hash", "ip_hash", "random"].contains(upstream.balancing)
        for statement in block {
            if let reason = Self.refusal(of: statement) {
                throw .misconfigured(
                    "\(file):\(statement.line): `\(statement.name)` \(reason); use mode weights"
                )
            }
        }
    }

    func text(_ name: String, _ side: Int, _ hasFallback: Bool) throws(LoadBalancerError) -> String {
        let known = settings.environments.map { Set($0.servers.map(ServerAddress.init)) }
        let factor = servers.values.filter { known[side].contains(ServerAddress($0.address)) }
            .reduce(0) { greatestCommonDivisor($0, $1.weight) }
        var lines: [String] = []
        for (statement, words) in statements {
            guard let server = servers[statement] else {
                lines.append(line(statement, words, name))
                continue
            }
            let address = ServerAddress(server.address)
            let own = words.filter { !Self.isShare($0) }
            if known[side].contains(address) {
                let weight = server.weight / max(factor, 1)
                lines.append((own + (weight > 1 ? ["weight=\(weight)"] : [])).joined(separator: " "))
            } else if known[1 - side].contains(address) {
                if hasFallback, allowsBackup { lines.append((own + ["backup"]).joined(separator: " ")) }
            } else if server.isBackup, !server.isDown {
                lines.append(words.joined(separator: " "))
            }
        }
        return "upstream \(name) {\n" + lines.map { "    \($0);\n" }.joined() + "}\n"
    }

    /// A zone belongs to one upstream.
    private func line(_ statement: Statement, _ words: [String], _ name: String) -> String {
        guard statement.name == "zone" else { return words.joined(separator: " ") }
        return (["zone", name] + words.dropFirst(2)).joined(separator: " ")
    }

    private static func refusal(of statement: Statement) -> String? {
        if statement.name == "include" { return "may bring servers that cannot be divided" }
        if statement.name.hasPrefix("balancer_by_lua") { return "chooses the server itself" }
        if statement.name == "state" { return "keeps the servers in a file of nginx's own" }
        return statement.hasBlock ? "is a block that mode switchboard does not know" : nil
    }

    /// Whether the word says how much a server has of the traffic, quotes or not.
    private static func isShare(_ word: String) -> Bool {
        let plain = word.filter { $0 != "\"" && $0 != "'" }
        return plain == "down" || plain.hasPrefix("weight=")
    }

    private func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        right == 0 ? left : greatestCommonDivisor(right, left % right)
    }
}
