/// What the running HAProxy is to have.
enum RuntimeOrder: Hashable, Sendable {
    /// By server.
    case weights([String: Int])
    /// What the share map has.
    case share(Int)

    /// Whether `view` is of a process that has it.
    func isKept(by view: RuntimeView, _ settings: HAProxySettings) -> Bool {
        switch self {
        case .weights(let weights):
            let servers = view.servers[settings.backend] ?? []
            return servers.allSatisfy { weights[$0.name] == nil || weights[$0.name] == $0.weight }
        case .share(let code):
            guard let shares = view.shares, !shares.isEmpty else { return false }
            return shares.allSatisfy { $0 == "\(code)" }
        }
    }

    /// The commands that get from `view` to it.
    func commands(from view: RuntimeView, _ settings: HAProxySettings, _ map: MapLayout?) -> [String] {
        switch self {
        case .weights(let weights):
            let servers = view.servers[settings.backend] ?? []
            return Self.sorted(weights, of: servers).map {
                "set server \(settings.backend)/\($0.server) weight \($0.weight)"
            }
        case .share(let code):
            guard let map else { return [] }
            return map.commands(to: code, from: view.shares ?? [])
        }
    }

    /// The weights that differ, those that rise first: while every weight is 0, requests fail.
    static func sorted(
        _ weights: [String: Int],
        of servers: [RuntimeServer]
    ) -> [(server: String, weight: Int)] {
        var rising: [(server: String, weight: Int)] = []
        var falling: [(server: String, weight: Int)] = []
        for server in servers {
            guard let weight = weights[server.name], weight != server.weight else { continue }
            if weight > server.weight {
                rising.append((server.name, weight))
            } else {
                falling.append((server.name, weight))
            }
        }
        return rising + falling
    }
}
