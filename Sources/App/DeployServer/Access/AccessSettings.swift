/// Where the service listens, as far as it matters for who is let in.
package struct AccessSettings: Sendable {
    /// The names that it answers to besides those of the loopback interface, without a port.
    package var hosts: Set<String>
    /// Whether every request comes through a proxy that speaks TLS to its clients and sets `X-Forwarded-For`.
    package var isBehindProxy: Bool
    /// What the peers of a unix socket may do; `nil` where they have to show a token too.
    package var peers: PeerRoles?

    package init(hosts: Set<String> = [], isBehindProxy: Bool = false, peers: PeerRoles? = nil) {
        self.hosts = Set(hosts.map { $0.lowercased() })
        self.isBehindProxy = isBehindProxy
        self.peers = peers
    }

    /// Browsers take a cookie of the name `__Host-…` over TLS alone, and from nobody but this very host.
    package var cookieName: String { isBehindProxy ? "__Host-bgdeploy" : "bgdeploy" }

    var scheme: String { isBehindProxy ? "https" : "http" }
}
