/// An `upstream` block.
package struct Upstream: Hashable, Sendable {
    /// Names an upstream of one configuration, also after ``NginxConfiguration/set(_:in:)``.
    package struct Handle: Hashable, Sendable {
        let directive: Int
    }

    package let handle: Handle
    package let name: String
    /// Counts from 1.
    package let line: Int
    /// In file order, which is nginx's order.
    ///
    /// Servers of included files are not here: see ``includes``.
    package let servers: [UpstreamServer]
    /// The directive that replaces nginx's weighted round robin: `least_conn`, `ip_hash`, `hash`, `random`,
    /// ….
    ///
    /// Only without one does the split follow the weights exactly.
    package let balancing: String?
    /// Whether the workers share one count (`zone`); without, each counts for itself.
    package let hasZone: Bool
    /// Files that may bring more servers.
    package let includes: [Include]
}

/// A `server` directive of an upstream.
package struct UpstreamServer: Hashable, Sendable {
    /// The position in ``Upstream/servers``.
    package let index: Int
    /// Unquoted, as the file has it: `127.0.0.1:8080`, `unix:/run/app.sock`.
    package let address: String
    /// 1 where the file says nothing, or what nginx would refuse.
    ///
    /// Kept while the server is down.
    package let weight: Int
    package let isDown: Bool
    package let isBackup: Bool
    /// Counts from 1.
    package let line: Int
}

/// What a server of an upstream is to get.
package enum ServerWeight: Hashable, Sendable {
    /// Taking part with this weight, which is at least 1: nginx refuses 0.
    case weight(Int)
    /// No new requests. A weight that the file gives is kept for later.
    case down
}
