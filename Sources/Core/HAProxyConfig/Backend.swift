/// A `backend` or `listen` section.
package struct Backend: Hashable, Sendable {
    /// Names a backend of one configuration, also after ``HAProxyConfiguration/set(_:in:)``.
    package struct Handle: Hashable, Sendable {
        let section: Int
    }

    package let handle: Handle
    package let name: String
    /// Counts from 1.
    package let line: Int
    /// `server` lines with a name and an address, in file order.
    ///
    /// With ``BackendServer/isConditional`` a name may occur more than once.
    package let servers: [BackendServer]
    /// The algorithm of `balance`, from here or from the section's `defaults`; `nil` is HAProxy's
    /// `roundrobin`.
    package let balance: String?
    /// `server-template` makes servers that are not in ``servers``.
    package let hasServerTemplate: Bool
}

/// A `server` line of a backend.
package struct BackendServer: Hashable, Sendable {
    /// The position in ``Backend/servers``.
    package let index: Int
    package let name: String
    /// As the file has it: `127.0.0.1:8080`, `unix@/run/app.sock`.
    package let address: String
    /// What the line itself says; `nil` when it says nothing, or nothing that can be read here
    /// (`"${WEIGHT}"`).
    package let weight: Int?
    /// The weight in force: the line's, else that of the `default-server` lines before it, else 1.
    ///
    /// Named `default-server` settings of HAProxy 3 and later are not followed.
    package let effectiveWeight: Int
    package let isDisabled: Bool
    package let isBackup: Bool
    /// Stands between `.if` and `.endif`: whether it exists is not known here.
    package let isConditional: Bool
    /// Counts from 1.
    package let line: Int
}
