import BalancerFiles

extension ServerAddress {
    /// Where its connections are looked for; `nil` for what names no place, such as a port that is no number.
    var place: OpenConnections.Place? {
        if let socketPath { return .socket(path: socketPath) }
        guard let host, let port else { return nil }
        return .network(host: host, port: port)
    }
}

extension OpenConnections {
    static func count(to servers: [ServerAddress], of owners: Owners?) -> Int {
        count(to: servers.compactMap(\.place), of: owners)
    }

    static func owned(by owners: Owners, to servers: [ServerAddress]) -> Int? {
        owned(by: owners, to: servers.compactMap(\.place))
    }
}
