package import DeployCore
import DeployOperations

/// Who asks.
package struct Principal: Hashable, Sendable {
    /// The person or the machine, such as `anna` or `ci`.
    package let name: String
    /// How it is known who asks: `token 3f9a`, `session 3f9a` or `uid 1000`.
    package let via: String
    /// The remote address, or `unix`.
    package let source: String
    package let scopes: Set<Scope>
    /// `nil` for every service.
    package let services: Set<String>?

    package init(
        name: String,
        via: String,
        source: String,
        scopes: Set<Scope>,
        services: Set<String>? = nil
    ) {
        self.name = name
        self.via = via
        self.source = source
        self.scopes = scopes
        self.services = services
    }

    /// As the journal keeps it: `anna (token 3f9a, 10.0.0.7)`.
    package var actor: Actor { Actor("\(name) (\(via), \(source))") }

    /// Whether it may do this to `service`; to what belongs to no service where that is `nil`.
    ///
    /// A runbook's runs belong to its service. Who is limited to some services may look at what belongs to none (and is to be shown his own), no more.
    package func may(_ scope: Scope, on service: String?) -> Bool {
        // What became of tokens is for who makes them.
        let scope = service == TokenLedger.service ? .admin : scope
        guard scopes.contains(where: { $0.included.contains(scope) }) else { return false }
        guard let services else { return true }
        return service.map { services.contains(RunbookPart.service(ofLedger: $0)) } ?? (scope == .read)
    }
}
