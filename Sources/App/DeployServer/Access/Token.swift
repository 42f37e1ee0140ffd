package import DeployCore
package import DeployOperations

/// A token as it is kept: who bears it and what he may do, and not what he holds.
package struct Token: Hashable, Codable, Sendable {
    /// Public: the beginning of its digest.
    package let id: String
    /// Of the person or the machine that bears it.
    ///
    /// Two tokens of one person have the same name: by it people are told apart.
    package let name: String
    /// SHA-256, in hexadecimal, of what the bearer shows.
    let digest: String
    package let scopes: Set<Scope>
    /// `nil` for every service.
    package let services: Set<String>?
    /// `nil` for never.
    package let expires: Timestamp?
    package let createdBy: Actor
    package let createdAt: Timestamp
    /// Up to a minute late; `nil` for never.
    package internal(set) var lastUsed: Timestamp?
    package internal(set) var revoked: Timestamp?

    package enum Standing: String, Sendable {
        case valid, expired, revoked
    }

    package func standing(at now: Timestamp) -> Standing {
        if revoked != nil { return .revoked }
        if let expires, expires <= now { return .expired }
        return .valid
    }

    /// Who shows it, from `source`.
    func principal(via: String, from source: String) -> Principal {
        Principal(name: name, via: "\(via) \(id)", source: source, scopes: scopes, services: services)
    }

    /// Whom it is for, and what it allows until when.
    package var told: String {
        let place = services.map { " on \($0.sorted().joined(separator: ", "))" } ?? " on every service"
        let end = expires.map { " until \(Clock.date($0))" } ?? " for ever"
        return "\(name): \(scopes.sorted().map(\.rawValue).joined(separator: ", "))\(place)\(end)"
    }

    /// For the journal: nothing by which it could be shown.
    var facts: [String: String] {
        var facts = [
            "token": id, "name": name, "scopes": scopes.sorted().map(\.rawValue).joined(separator: ","),
        ]
        facts["services"] = services.map { $0.sorted().joined(separator: ",") }
        facts["expires"] = expires.map { Clock.iso($0) }
        return facts
    }

    package func json(at now: Timestamp) -> JSON { .object(fields(at: now)) }

    /// With the secret, for the one answer that shows it.
    package func json(at now: Timestamp, secret: String) -> JSON {
        .object([("token", .text(secret))] + fields(at: now))
    }

    private func fields(at now: Timestamp) -> [(String, JSON)] {
        func time(_ time: Timestamp?) -> JSON { time.map { .text(Clock.iso($0)) } ?? .null }
        return [
            ("id", .text(id)), ("name", .text(name)),
            ("scopes", .list(scopes.sorted().map { .text($0.rawValue) })),
            ("services", services.map { .list($0.sorted().map { .text($0) }) } ?? .null),
            ("state", .text(standing(at: now).rawValue)),
            ("expires", time(expires)), ("createdBy", .text(createdBy.name)), ("createdAt", time(createdAt)),
            ("lastUsed", time(lastUsed)), ("revoked", time(revoked)),
        ]
    }
}
