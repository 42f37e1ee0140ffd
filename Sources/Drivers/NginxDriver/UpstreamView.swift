import DeployCore
import DeployPorts
import NginxConfig

/// One upstream block of a file, with its servers sorted by environment.
///
/// Making one checks that the file is what the playbook says; each error names what is there instead.
struct UpstreamView: Sendable {
    private let configuration: NginxConfiguration
    private let upstream: Upstream
    private let path: String
    /// The two environments, in the playbook's order.
    private let environments: [EnvironmentName]
    /// Their servers, in file order.
    private let servers: [[UpstreamServer]]

    init(_ bytes: [UInt8], path: String, settings: NginxSettings) throws(LoadBalancerError) {
        self.path = path
        do throws(ConfigurationError) {
            configuration = try NginxConfiguration(parsing: bytes)
        } catch {
            throw .misconfigured("\(path):\(error.description); nginx would not load it")
        }
        upstream = try Self.find(settings.upstream, in: configuration, path)
        environments = settings.environments.map(\.name)
        let wanted = settings.environments.map { Set($0.servers.map(ServerAddress.init)) }
        if let shared = wanted[0].intersection(wanted[1]).first {
            throw .misconfigured("the playbook gives the server \(shared) to both environments")
        }
        let present = upstream.servers
        servers = wanted.map { set in present.filter { set.contains(ServerAddress($0.address)) } }
        for spec in settings.environments { try check(spec) }
        try checkStrangers(wanted[0].union(wanted[1]))
    }

    // MARK: shares

    /// The split that the file asks for; `nil` when no server of either environment takes part.
    var split: Split? {
        let active = servers.map { side in side.filter { !$0.isDown }.map(\.weight) }
        guard let share = NginxShares.share(of: active) else { return nil }
        return Split(environments[1], share, other: environments[0])
    }

    /// The file's text with `split` in this block.
    ///
    /// Within an environment the servers keep their proportions. An environment without a share has all its
    /// servers `down`: nginx knows no weight 0.
    func text(for split: Split) throws(LoadBalancerError) -> [UInt8] {
        if split.live == nil, let balancing = upstream.balancing {
            throw .misconfigured(
                "\(place): `\(balancing)` does not follow weights, so \(split) cannot be kept; remove the directive, or switch at once (strategy: instant)"
            )
        }
        let share = split.share(of: environments[1])
        let weights = try NginxShares.weights(
            of: servers.map { $0.map(\.weight) },
            second: share,
            place: place
        )
        var assignments: [(server: Int, weight: ServerWeight)] = []
        for (side, numbers) in zip(servers, weights) {
            for (position, server) in side.enumerated() {
                let number = numbers.map { $0[position] }
                assignments.append((server.index, number.map { .weight($0) } ?? .down))
            }
        }
        var edited = configuration
        edited.set(assignments, in: upstream.handle)
        return edited.bytes
    }

    // MARK: checks

    private var place: String { "\(path):\(upstream.line): upstream `\(upstream.name)`" }

    private static func find(
        _ name: String,
        in configuration: NginxConfiguration,
        _ path: String
    ) throws(LoadBalancerError) -> Upstream {
        let found = configuration.upstreams(named: name)
        guard let first = found.first else {
            let names = configuration.upstreamNames
            guard !names.isEmpty else {
                throw .misconfigured("\(path) has no upstream block at all; the playbook asks for `\(name)`")
            }
            let hint = Spelling.nearest(to: name, among: names).map { "; did you mean `\($0)`?" } ?? ""
            throw .misconfigured(
                "\(path) has no upstream `\(name)`\(hint) It has \(names.joined(separator: ", "))"
            )
        }
        guard found.count == 1 else {
            let lines = found.map { "\($0.line)" }.joined(separator: " and ")
            throw .misconfigured(
                "\(path) has more than one upstream `\(name)`, in lines \(lines); name them apart"
            )
        }
        return first
    }

    private func check(_ spec: EnvironmentSpec) throws(LoadBalancerError) {
        for text in spec.servers {
            let address = ServerAddress(text)
            let found = upstream.servers.filter { ServerAddress($0.address) == address }
            guard !found.isEmpty else {
                let list = upstream.servers.map(\.address).joined(separator: ", ")
                let files = upstream.includes.map(\.pattern).joined(separator: ", ")
                let hint =
                    files.isEmpty ? "" : " (servers of included files, \(files), cannot be changed from here)"
                throw .misconfigured(
                    "\(place) has no server \(text) of the environment \(spec.name)\(hint); it has \(list.isEmpty ? "none" : list)"
                )
            }
            if let server = found.first(where: \.isBackup) {
                throw .misconfigured(
                    "\(path):\(server.line): server \(server.address) of the environment \(spec.name) is marked `backup`, so it has no share; remove the word"
                )
            }
        }
    }

    /// A server that nobody knows would take a part of the traffic.
    ///
    /// `backup` and `down` ones do not.
    private func checkStrangers(_ known: Set<ServerAddress>) throws(LoadBalancerError) {
        let strangers = upstream.servers.filter {
            !known.contains(ServerAddress($0.address)) && !$0.isBackup && !$0.isDown
        }
        guard let first = strangers.first else { return }
        let list = strangers.map(\.address).joined(separator: ", ")
        throw .misconfigured(
            "\(path):\(first.line): upstream `\(upstream.name)` has servers of neither environment: \(list); add them to `servers` of one, or mark them `backup`"
        )
    }
}
