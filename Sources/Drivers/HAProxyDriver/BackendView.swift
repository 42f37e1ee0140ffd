import DeployCore
import DeployPorts
import HAProxyConfig
import SafeFile
import TrafficShares

/// One backend of a file, with its servers sorted by environment.
///
/// Making one checks that the file is what the playbook says; each error names what is there instead.
struct BackendView: Sendable {
    private let configuration: HAProxyConfiguration
    private let backend: Backend
    private let path: String
    private let settings: HAProxySettings
    /// The two environments, in the playbook's order.
    private let environments: [EnvironmentName]
    /// Their servers, in file order.
    private let servers: [[BackendServer]]

    init(_ bytes: [UInt8], path: String, settings: HAProxySettings) throws(LoadBalancerError) {
        self.path = path
        self.settings = settings
        do throws(ConfigurationError) {
            configuration = try HAProxyConfiguration(parsing: bytes)
        } catch {
            throw .misconfigured(
                "\(path):\(error.line):\(error.column): \(error.message); HAProxy would not load it"
            )
        }
        backend = try Self.find(settings.backend, in: configuration, path)
        try Self.checkMode(settings, bytes, path)
        environments = settings.environments.map(\.name)
        let wanted = settings.environments.map { Set($0.servers.map(Self.spelling)) }
        if let shared = wanted[0].intersection(wanted[1]).first {
            throw .misconfigured("the playbook gives the server \(shared) to both environments")
        }
        let present = backend.servers
        servers = wanted.map { set in present.filter { set.contains(Self.spelling($0.address)) } }
        for spec in settings.environments { try check(spec) }
        try checkStrangers(wanted[0].union(wanted[1]))
    }

    /// The names of the servers of both environments.
    var names: [String] { servers.joined().map(\.name) }

    /// The names of an environment's servers; `nil` for an environment that the playbook does not have.
    func names(of environment: EnvironmentName) -> [String]? {
        environments.firstIndex(of: environment).map { servers[$0].map(\.name) }
    }

    // MARK: shares

    /// The split that the file asks for; `nil` when no server of either environment takes part.
    var split: Split? {
        split(servers.map { $0.filter { !$0.isDisabled }.map(\.effectiveWeight) })
    }

    /// The split of the running servers; `nil` when none of them can take requests.
    func split(running: [RuntimeServer]) -> Split? {
        let known = servers.map { side in
            let names = Set(side.map(\.name))
            return running.filter { names.contains($0.name) && $0.obeysWeight }
        }
        guard known.joined().contains(where: { $0.weight > 0 && !$0.isDown }) else { return nil }
        return split(known.map { $0.map(\.weight) })
    }

    private func split(_ weights: [[Int]]) -> Split? {
        let share = TrafficShares.shareOfCandidate(stableWeights: weights[0], candidateWeights: weights[1])
        return share.map { Split(environments[1], $0.percent, other: environments[0]) }
    }

    /// The file's weights by server.
    var weights: [String: Int] { weights(of: servers.joined().map { ($0.name, $0.effectiveWeight) }) }

    /// The weights of the environments that have any: 0 % will be 0 for all, which keeps no proportion.
    var proportions: [String: Int] {
        let sides = servers.filter { $0.contains { $0.effectiveWeight > 0 } }
        return weights(of: sides.joined().map { ($0.name, $0.effectiveWeight) })
    }

    private func weights(of pairs: [(String, Int)]) -> [String: Int] {
        Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// The servers that a running HAProxy has for the two environments.
    func running(_ seen: RuntimeView) -> [RuntimeServer] {
        guard settings.mode == .map else { return seen.servers[settings.backend] ?? [] }
        return zip(settings.environments, servers).flatMap { environment, side in
            let names = Set(side.map(\.name))
            return (seen.servers[settings.backend(of: environment)] ?? []).filter { names.contains($0.name) }
        }
    }

    /// The weights by server that give `split`.
    ///
    /// Within an environment the servers keep the proportions that are remembered, else those of the file, else
    /// equal ones. A server with 0 among others that have more stays at 0: somebody took it out.
    func weights(
        for split: Split,
        remembered: [String: Int]
    ) throws(LoadBalancerError) -> [String: Int] {
        if settings.mode == .weights, split.live == nil, let balance = backend.balance,
            !Self.followsWeights(balance)
        {
            throw .misconfigured(
                "\(place): `balance \(balance)` does not follow weights, so \(split) cannot be kept; use roundrobin, `mode: map`, or switch at once (strategy: instant)"
            )
        }
        var result: [String: Int] = [:]
        for server in servers.joined() { result[server.name] = 0 }
        let taking = servers.map { proportion($0, remembered) }
        let numbers = try shares(taking.map { $0.map(\.weight) }, split.share(of: environments[1]))
        for (side, weights) in zip(taking, [numbers.stable, numbers.candidate]) {
            guard let weights else { continue }
            for (server, weight) in zip(side, weights) { result[server.name] = weight }
        }
        return result
    }

    /// The weight of each server beside those of its own environment, as small as they can be.
    func ownWeights(remembered: [String: Int]) -> [String: Int] {
        var result: [String: Int] = [:]
        for server in servers.joined() { result[server.name] = 0 }
        for side in servers {
            let taking = proportion(side, remembered)
            let factor = taking.reduce(0) { RelaxedWeights.commonDivisor($0, $1.weight) }
            for (name, weight) in taking { result[name] = weight / max(factor, 1) }
        }
        return result
    }

    /// The file's text with these weights.
    func text(with weights: [String: Int]) throws(LoadBalancerError) -> [UInt8] {
        var edited = configuration
        let assignments = servers.joined().compactMap { server in
            weights[server.name].map { (server: server.index, weight: $0) }
        }
        edited.set(assignments, in: backend.handle)
        return edited.bytes
    }

    /// SHA-256 of the text with all these weights alike: texts that share it differ in nothing else.
    var outline: String {
        get throws(LoadBalancerError) {
            Digest.sha256(try text(with: Dictionary(names.map { ($0, 1) }) { first, _ in first }))
        }
    }

    private func proportion(
        _ side: [BackendServer],
        _ remembered: [String: Int]
    ) -> [(name: String, weight: Int)] {
        for weight in [{ remembered[$0.name] ?? 0 }, \.effectiveWeight] as [(BackendServer) -> Int] {
            let taking = side.map { (name: $0.name, weight: weight($0)) }.filter {
                (1...256).contains($0.weight)
            }
            if !taking.isEmpty { return taking }
        }
        return side.map { (name: $0.name, weight: 1) }
    }

    private func shares(_ sides: [[Int]], _ share: Percent) throws(LoadBalancerError) -> RelaxedWeights {
        guard let found = RelaxedWeights(stable: sides[0], candidate: sides[1], share: share) else {
            throw .misconfigured("\(place): an environment has no server")
        }
        // In mode `map` these weights are for the day on which the map is taken out again.
        guard settings.mode == .map || found.error <= RelaxedWeights.tolerance else {
            throw .misconfigured(
                "\(place): no weights up to 256 give \(share) % with these servers; the nearest is \(found.achieved.percent) %. `mode: map` gives every tenth of a percent"
            )
        }
        return found
    }

    /// Whether a share of weights is one of requests.
    ///
    /// `source`, `uri`, `hdr` and others follow weights too, but by key: a few clients are not a share.
    /// `static-rr` takes no new weights while it runs.
    private static func followsWeights(_ balance: String) -> Bool {
        let name = balance.split(separator: " ").first ?? ""
        return ["roundrobin", "random", "random(1)"].contains(name)
    }

    /// What the algorithm makes of `split` besides what was asked; `nil` when nothing is to be said.
    func remark(on split: Split?) -> String? {
        guard settings.mode == .weights, let split, split.live == nil,
            let balance = backend.balance, balance.hasPrefix("random")
        else { return nil }
        return
            "`balance \(balance)` keeps a share within about two points only (10 % asked gave 11.5 %); roundrobin keeps it exactly"
    }

    // MARK: checks

    private var templates: String {
        backend.hasServerTemplate
            ? ", and a `server-template`, whose servers have no lines: write the environments' servers as `server` lines"
            : ""
    }

    private var place: String { "\(path):\(backend.line): backend `\(backend.name)`" }

    /// Refuses a running HAProxy that does not have the file's servers.
    func check(running: [RuntimeServer]) throws(LoadBalancerError) {
        let there = Set(running.map(\.name))
        let missing = names.filter { !there.contains($0) }
        guard missing.isEmpty else {
            throw .misconfigured(
                "the running HAProxy has no server \(missing.joined(separator: ", ")) in `\(backend.name)`, but \(path) has: reload HAProxy first"
            )
        }
    }

    /// Refuses an environment that would not get its share because of a state that weights do not change.
    func checkReceivers(_ split: Split, running: [RuntimeServer]) throws(LoadBalancerError) {
        for (name, side) in zip(environments, servers)
        where split.share(of: name) > .zero || split.chosen == name {
            let names = Set(side.map(\.name))
            let mine = running.filter { names.contains($0.name) }
            let deaf = mine.filter { !$0.obeysWeight }
            // With a backend for each environment one server less changes no share.
            let isShareKept = settings.mode == .map || split.live != nil
            guard let first = deaf.first, deaf.count == mine.count || !isShareKept else { continue }
            let backend = settings.environments.first { $0.name == name }.map(settings.backend(of:)) ?? ""
            let state = first.isInMaintenance ? "in maintenance" : "set to drain"
            throw .misconfigured(
                "\(deaf.map(\.name).joined(separator: ", ")) of the environment \(name) is \(state), which no weight changes: `set server \(backend)/\(first.name) state ready` on HAProxy's socket ends that"
            )
        }
    }

    /// Refuses weights in a file whose frontends go by the map: they would change, and the traffic would not.
    private static func checkMode(
        _ settings: HAProxySettings,
        _ bytes: [UInt8],
        _ path: String
    ) throws(LoadBalancerError) {
        guard settings.mode == .weights,
            let line = ConfigurationLines.line(ofComment: MapText.begin(settings.backend), in: bytes)
        else { return }
        throw .misconfigured(
            "\(path):\(line): the frontends go by mode map here, not by weights: give this balancer `mode: map`, or take out the lines from each `\(MapText.begin(settings.backend))` to `\(MapText.end(settings.backend))` and reload HAProxy"
        )
    }

    private static func find(
        _ name: String,
        in configuration: HAProxyConfiguration,
        _ path: String
    ) throws(LoadBalancerError) -> Backend {
        let found = configuration.backends(named: name)
        guard let first = found.first else {
            let names = configuration.backendNames
            guard !names.isEmpty else {
                throw .misconfigured("\(path) has no backend at all; the playbook asks for `\(name)`")
            }
            let hint = Spelling.nearest(to: name, among: names).map { "; did you mean `\($0)`?" } ?? ""
            throw .misconfigured(
                "\(path) has no backend `\(name)`\(hint) It has \(names.joined(separator: ", "))"
            )
        }
        guard found.count == 1 else {
            let lines = found.map { "\($0.line)" }.joined(separator: " and ")
            throw .misconfigured(
                "\(path) has more than one backend `\(name)`, in lines \(lines); name them apart"
            )
        }
        return first
    }

    private func check(_ spec: EnvironmentSpec) throws(LoadBalancerError) {
        for text in spec.servers {
            let found = backend.servers.filter { Self.spelling($0.address) == Self.spelling(text) }
            guard let server = found.first else {
                let list = backend.servers.map { "\($0.name) \($0.address)" }.joined(separator: ", ")
                throw .misconfigured(
                    "\(place) has no server \(text) of the environment \(spec.name); it has \(list.isEmpty ? "none" : list)\(templates)"
                )
            }
            if server.isBackup {
                throw .misconfigured(
                    "\(path):\(server.line): server \(server.name) of the environment \(spec.name) is marked `backup`, so it has no share; remove the word"
                )
            }
        }
    }

    /// A server that nobody knows would take a part of the traffic.
    private func checkStrangers(_ known: Set<String>) throws(LoadBalancerError) {
        let strangers = backend.servers.filter {
            !known.contains(Self.spelling($0.address)) && !$0.isBackup && !$0.isDisabled
                && $0.effectiveWeight > 0
        }
        guard let first = strangers.first else { return }
        let list = strangers.map { "\($0.name) \($0.address)" }.joined(separator: ", ")
        throw .misconfigured(
            "\(path):\(first.line): backend `\(backend.name)` has servers of neither environment: \(list); add them to `servers` of one, or mark them `backup`"
        )
    }

    /// Addresses in one spelling: `unix@/run/a.sock` is `unix:/run/a.sock`, `ipv4@10.0.0.1:80` is `10.0.0.1:80`.
    private static func spelling(_ address: String) -> String {
        for prefix in ["unix@", "unix:"] where address.hasPrefix(prefix) {
            return "unix:" + address.dropFirst(5)
        }
        if address.hasPrefix("/") { return "unix:" + address }
        for prefix in ["ipv4@", "ipv6@"] where address.hasPrefix(prefix) {
            return address.dropFirst(5).lowercased()
        }
        return address.lowercased()
    }
}
