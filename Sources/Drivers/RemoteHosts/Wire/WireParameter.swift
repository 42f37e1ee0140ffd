import DeployCore
import DeployPorts

/// A value of a playbook without its places.
indirect enum WireParameter: Codable, Sendable {
    case text(value: String, isQuoted: Bool)
    case list(items: [WireParameter])
    case map(entries: [Entry])

    struct Entry: Codable, Sendable {
        var key: String
        var value: WireParameter
    }

    init(_ parameter: Parameter) {
        switch parameter {
        case .scalar(let scalar): self = .text(value: scalar.text, isQuoted: scalar.isQuoted)
        case .list(let items, _): self = .list(items: items.map(WireParameter.init))
        case .map(let entries, _):
            self = .map(entries: entries.map { Entry(key: $0.key, value: WireParameter($0.value)) })
        }
    }

    var parameter: Parameter {
        switch self {
        case .text(let value, let isQuoted):
            .scalar(.init(text: value, isQuoted: isQuoted, position: .unknown))
        case .list(let items): .list(items.map(\.parameter), position: .unknown)
        case .map(let entries):
            .map(
                entries.map { .init(key: $0.key, keyPosition: .unknown, value: $0.value.parameter) },
                position: .unknown
            )
        }
    }
}

enum WireUserKey: Codable, Sendable {
    case cookie(name: String)
    case header(name: String)
    case address

    init(_ key: UserKey) {
        switch key {
        case .cookie(let name): self = .cookie(name: name)
        case .header(let name): self = .header(name: name)
        case .address: self = .address
        }
    }

    var key: UserKey {
        switch self {
        case .cookie(let name): .cookie(name)
        case .header(let name): .header(name)
        case .address: .address
        }
    }
}

extension Opening {
    init(_ entry: Parameter, _ context: BalancerContext, version: String) {
        bgdeploy = version
        language = Greeting.language
        self.entry = WireParameter(entry)
        service = context.service
        environments = context.environments.map {
            Environment(name: $0.name.rawValue, url: $0.url, servers: $0.servers)
        }
        sticky = context.sticky.map(WireUserKey.init)
        chosenKey = context.chosenUsers.map { WireUserKey($0.key) }
        chosenUsers = context.chosenUsers?.values
    }

    /// What the host's driver may know; commands run in `/` there.
    var context: BalancerContext {
        BalancerContext(
            service: service,
            folder: "/",
            environments: environments.map {
                EnvironmentSpec(name: EnvironmentName($0.name), url: $0.url, servers: $0.servers)
            },
            sticky: sticky?.key,
            chosenUsers: chosenKey.map { ChosenUsers(key: $0.key, values: chosenUsers ?? []) }
        )
    }
}
