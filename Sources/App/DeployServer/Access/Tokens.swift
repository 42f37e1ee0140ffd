package import DeployCore
package import DeployOperations
package import DeployPorts
import Foundation

/// Who may use the service, kept beside the journal; who made and revoked it is in the journal.
package struct Tokens: Sendable {
    static let kind = Record.Kind(rawValue: "token")
    /// What is not used for so long is used for the first time again.
    private static let useInterval = Span.minutes(1)

    private let records: any RecordStore
    private let ledger: TokenLedger
    private let clock: any Timekeeper

    package init(_ records: any RecordStore, ledger: TokenLedger, clock: any Timekeeper) {
        self.records = records
        self.ledger = ledger
        self.clock = clock
    }

    /// What a new token is to be.
    package struct Order: Sendable {
        package static let lifetime = Span.minutes(90 * 24 * 60)

        package var name: String
        package var scopes: Set<Scope>
        /// `nil` for every service.
        package var services: Set<String>?
        /// `nil` for ever.
        package var lifetime: Span?

        package init(
            name: String,
            scopes: Set<Scope>,
            services: Set<String>? = nil,
            lifetime: Span? = lifetime
        ) {
            self.name = name
            self.scopes = scopes
            self.services = services
            self.lifetime = lifetime
        }

        /// What is wrong with it; `nil` for nothing.
        package var complaint: String? {
            guard Self.isName(name) else {
                return "`\(name)` is no name for a token: it takes letters, digits and . _ @ + -, 64 at most"
            }
            if name.lowercased() == Actor.bgdeploy.name {
                return "`\(name)` is what the journal calls bgdeploy itself; take another name"
            }
            if scopes.isEmpty { return "a token needs a scope: read, deploy, approve or admin" }
            guard let services else { return nil }
            if services.isEmpty {
                return "a token for no service is good for nothing; leave `services` out for all"
            }
            if services.contains(where: { $0.isEmpty || $0.utf8.count > 200 }) {
                return "a service's name has 1 to 200 bytes"
            }
            return nil
        }

        /// Nothing that could be taken for how somebody came (`ana (token …)`), or for another letter.
        private static func isName(_ name: String) -> Bool {
            let name = Array(name.utf8)
            let punctuation = Array("._@+-".utf8)
            func isPlain(_ byte: UInt8) -> Bool { Secret.isBase62(byte) }
            return (1...64).contains(name.count) && name.first.map(isPlain) == true
                && name.allSatisfy { isPlain($0) || punctuation.contains($0) }
        }
    }

    /// Makes a token, and returns what its bearer is to show: nobody can read it again.
    ///
    /// There is none that the journal does not tell of: without it none is made.
    package func create(
        _ order: Order,
        by creator: Actor
    ) async throws(CommandFailure) -> (token: Token, secret: String) {
        if let complaint = order.complaint { throw CommandFailure(.usage, complaint) }
        let now = clock.now()
        while true {
            let bearer = Bearer.random()
            let token = Token(
                id: Self.id(of: bearer),
                name: order.name,
                digest: bearer.digest,
                scopes: order.scopes,
                services: order.services,
                expires: order.lifetime.map(now.advanced(by:)),
                createdBy: creator,
                createdAt: now
            )
            do throws(RunStoreError) {
                let text = try Self.text(of: token)
                try await ledger.note(
                    "token created",
                    "token \(token.id) made by \(creator) for \(token.told)",
                    token.facts,
                    by: creator
                )
                let record = try await records.insert(text, as: Self.kind, key: token.id, due: nil)
                if record != nil { return (token, bearer.text) }
            } catch {
                throw CommandFailure(error)
            }
        }
    }

    /// All, also those that are no good any more, oldest first.
    package func list() async throws(RunStoreError) -> [Token] {
        var tokens: [Token] = []
        var last = ""
        while true {
            let page = try await records.records(Self.kind, after: last, limit: 200)
            tokens += try page.map(Self.token)
            guard page.count == 200, let end = page.last else { break }
            last = end.key
        }
        return tokens.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Makes the token worthless from now on; `nil` where there is none of this identity.
    ///
    /// A journal that cannot be written keeps nobody from it: the error then says that the token is revoked.
    package func revoke(_ id: String, by actor: Actor) async throws(RunStoreError) -> Token? {
        while let record = try await record(id) {
            var token = try Self.token(record)
            if token.revoked != nil { return token }
            token.revoked = clock.now()
            let text = try Self.text(of: token)
            guard try await records.replace(record, with: text, due: nil) != nil else { continue }
            do throws(RunStoreError) {
                let told = "token \(id) of \(token.name) revoked by \(actor)"
                try await ledger.note("token revoked", told, token.facts, by: actor)
            } catch {
                let why = CommandFailure(error).message
                throw .unavailable("token \(id) is revoked, but the journal does not tell of it: \(why)")
            }
            return token
        }
        return nil
    }

    /// Who shows `secret`; `nil` for one that was never given out, has expired or was revoked.
    package func principal(
        bearing secret: String,
        from source: String
    ) async throws(RunStoreError) -> Principal? {
        try await token(bearing: secret)?.principal(via: "token", from: source)
    }

    /// The valid token that is shown, noted as used.
    func token(bearing secret: String) async throws(RunStoreError) -> Token? {
        guard let bearer = Bearer(secret), let record = try await record(Self.id(of: bearer)) else {
            return nil
        }
        let token = try Self.token(record)
        guard Secret.areEqual(token.digest, bearer.digest), token.standing(at: clock.now()) == .valid else {
            return nil
        }
        await noteUse(of: token, record)
        return token
    }

    /// The token of a session, while it is valid.
    func valid(_ id: String) async throws(RunStoreError) -> Token? {
        guard let record = try await record(id) else { return nil }
        let token = try Self.token(record)
        guard token.standing(at: clock.now()) == .valid else { return nil }
        await noteUse(of: token, record)
        return token
    }

    /// A journal on a full disk takes no note; nobody is kept from a rollback for that.
    private func noteUse(of token: Token, _ record: Record) async {
        let now = clock.now()
        if let last = token.lastUsed, now.since(last) < Self.useInterval { return }
        var used = token
        used.lastUsed = now
        // Somebody else may have noted it, or revoked the token: then that stands.
        _ = try? await records.replace(record, with: Self.text(of: used), due: nil)
    }

    // MARK: records

    private static func id(of bearer: Bearer) -> String { String(bearer.digest.prefix(8)) }

    private func record(_ id: String) async throws(RunStoreError) -> Record? {
        guard id.utf8.count == 8 else { return nil }
        return try await records.record(Self.kind, id)
    }

    private static func token(_ record: Record) throws(RunStoreError) -> Token {
        do {
            return try JSONDecoder().decode(Token.self, from: Data(record.value.utf8))
        } catch {
            throw .unreadable("the record of token \(record.key) cannot be read; revoke it, or write it anew")
        }
    }

    private static func text(of token: Token) throws(RunStoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(token), as: UTF8.self)
        } catch {
            throw .unreadable("token \(token.id) cannot be written as JSON")
        }
    }
}
