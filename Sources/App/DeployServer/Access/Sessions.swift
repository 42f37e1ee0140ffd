package import DeployCore
package import DeployPorts
import Foundation
import SafeFile

/// A browser that somebody has logged in with a token.
package struct Session: Hashable, Sendable {
    package let principal: Principal
    /// Every form, and every write to `/v1`, has to bring it.
    package let csrf: String
}

/// Logged-in browsers, kept beside the journal.
///
/// A session is as good as its token: it ends with it.
package struct Sessions: Sendable {
    static let kind = Record.Kind(rawValue: "session")
    package static let lifetime = Span.minutes(12 * 60)

    private struct Entry: Codable {
        let token: String
        let expires: Timestamp
        /// The key of the CSRF token.
        let key: String
    }

    private let records: any RecordStore
    private let tokens: Tokens
    private let clock: any Timekeeper

    package init(_ records: any RecordStore, tokens: Tokens, clock: any Timekeeper) {
        self.records = records
        self.tokens = tokens
        self.clock = clock
    }

    /// Logs a browser in; returns what its cookie holds, or `nil` for a token that is no good.
    package func open(bearing secret: String) async throws(RunStoreError) -> String? {
        guard let token = try await tokens.token(bearing: secret) else { return nil }
        let cookie = Secret.random()
        let expires = clock.now().advanced(by: Self.lifetime)
        let entry = Entry(token: token.id, expires: expires, key: Secret.random())
        let text = try Self.text(of: entry)
        _ = try await records.insert(text, as: Self.kind, key: Secret.digest(of: cookie), due: expires)
        return cookie
    }

    /// The session of a cookie; `nil` when it is over or its token is no good any more.
    package func session(_ cookie: String, from source: String) async throws(RunStoreError) -> Session? {
        guard cookie.utf8.count == 43, Secret.isBase62(Substring(cookie)) else { return nil }
        let key = Secret.digest(of: cookie)
        guard let record = try await records.record(Self.kind, key), let entry = Self.entry(record),
            clock.now() < entry.expires, let token = try await tokens.valid(entry.token)
        else { return nil }
        return Session(
            principal: token.principal(via: "session", from: source),
            csrf: Digest.signature(of: "csrf \(key)", key: entry.key)
        )
    }

    /// Logs a browser out.
    package func close(_ cookie: String) async throws(RunStoreError) {
        let key = Secret.digest(of: cookie)
        while let record = try await records.record(Self.kind, key) {
            if try await records.remove(record) { return }
        }
    }

    private static func entry(_ record: Record) -> Entry? {
        try? JSONDecoder().decode(Entry.self, from: Data(record.value.utf8))
    }

    private static func text(of entry: Entry) throws(RunStoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(entry), as: UTF8.self)
        } catch {
            throw .unreadable("a session cannot be written as JSON")
        }
    }
}
