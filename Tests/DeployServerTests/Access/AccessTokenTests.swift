import DeployCore
import DeployOperations
import DeployPorts
import DeployTestKit
import Foundation
import Testing

@testable import DeployServer

struct AccessTokenTests {
    private let records = MemoryRecords()
    private let clock = ManualClock()
    private let journal = MemoryRunStore()
    private var ledger: TokenLedger { TokenLedger(journal, clock: clock) }
    private var tokens: Tokens { Tokens(records, ledger: ledger, clock: clock) }

    private func create(
        _ name: String = "anna",
        _ scopes: Set<Scope> = [.deploy],
        lifetime: Span? = .minutes(60)
    ) async throws -> (token: Token, secret: String) {
        let order = Tokens.Order(name: name, scopes: scopes, services: ["shop"], lifetime: lifetime)
        return try await tokens.create(order, by: Actor("root@web-1"))
    }

    @Test func `what the bearer shows is 256 bits that a scanner knows, and is kept nowhere`() async throws {
        let (token, secret) = try await create()
        #expect(secret.wholeMatch(of: /bgd_[0-9A-Za-z]{49}/) != nil)
        let record = try #require(records.record(Tokens.kind, token.id))
        #expect(!record.value.contains(secret.dropFirst(4).prefix(12)))
        let secrets = Set((0..<200).map { _ in Bearer.random().text })
        #expect(secrets.count == 200)
        #expect(secrets.allSatisfy { Bearer($0)?.text == $0 })
        // The checksum as zlib computes it.
        let zeros = "bgd_" + String(repeating: "0", count: 43)
        #expect(Bearer(zeros + Secret.base62(0x7849_568F)) != nil)
    }

    @Test func `one wrong character is seen without asking the store`() {
        let secret = Bearer.random().text
        for index in secret.indices {
            var text = secret
            text.replaceSubrange(index...index, with: secret[index] == "x" ? "y" : "x")
            #expect(Bearer(text) == nil, "\(text)")
        }
        for text in ["", "bgd_", secret + "0", " " + secret, String(secret.dropLast()), secret + "\n"] {
            #expect(Bearer(text) == nil)
        }
    }

    @Test func `a token tells who bears it and what they may do`() async throws {
        let (token, secret) = try await create()
        let principal = try #require(try await tokens.principal(bearing: secret, from: "10.0.0.7"))
        #expect(principal.actor.name == "anna (token \(token.id), 10.0.0.7)")
        #expect(principal.actor.person == "anna")
        #expect(principal.may(.deploy, on: "shop") && principal.may(.read, on: "shop"))
        #expect(!principal.may(.approve, on: "shop") && !principal.may(.admin, on: "shop"))
        #expect(!principal.may(.read, on: "other") && !principal.may(.deploy, on: nil))
    }

    @Test func `an admin of some services is none of the service itself`() {
        let scopes: Set<Scope> = [.admin]
        let limited = Principal(name: "a", via: "", source: "", scopes: scopes, services: ["shop"])
        #expect(limited.may(.admin, on: "shop") && limited.may(.read, on: nil))
        #expect(!limited.may(.admin, on: nil))
        #expect(Principal(name: "a", via: "", source: "", scopes: scopes).may(.admin, on: nil))
    }

    @Test func `unknown, expired and revoked tokens are nobody`() async throws {
        let short = try await create("short", lifetime: .seconds(60))
        let lasting = try await create("lasting", lifetime: nil)
        let revoked = try await create("revoked")
        #expect(
            try await tokens.revoke(revoked.token.id, by: Actor("root"))?.standing(at: clock.now())
                == .revoked
        )
        clock.advance(by: .seconds(59))
        #expect(try await tokens.principal(bearing: short.secret, from: "x") != nil)
        clock.advance(by: .seconds(1))
        for secret in [short.secret, revoked.secret, Bearer.random().text, "", "bgd_x"] {
            #expect(try await tokens.principal(bearing: secret, from: "x") == nil)
        }
        clock.advance(by: .minutes(60 * 24 * 1000))
        #expect(try await tokens.principal(bearing: lasting.secret, from: "x") != nil)
        #expect(try await tokens.revoke("00000000", by: Actor("root")) == nil)
        let list = try await tokens.list().map { $0.standing(at: clock.now()).rawValue }
        #expect(list.sorted() == ["expired", "revoked", "valid"])
    }

    @Test func `a digest that only begins alike is another token`() async throws {
        let (token, secret) = try await create()
        let record = try #require(records.record(Tokens.kind, token.id))
        let digest = token.digest
        let other = String(digest.dropLast()) + (digest.hasSuffix("0") ? "1" : "0")
        let text = record.value.replacing(digest, with: other)
        _ = records.replace(record, with: text, due: nil)
        #expect(try await tokens.principal(bearing: secret, from: "x") == nil)
    }

    @Test func `who makes and revokes a token is in the journal, and what it shows is not`() async throws {
        let order = Tokens.Order(name: "ci", scopes: [.deploy], services: ["shop"])
        let (token, secret) = try await tokens.create(order, by: Actor("anna"))
        _ = try await tokens.revoke(token.id, by: Actor("bob"))
        _ = try await tokens.revoke(token.id, by: Actor("bob"))
        let entries = try await journal.entries(of: TokenLedger.run, after: 0)
        let notes = entries.compactMap { entry in
            if case .noted(let note) = entry.event.kind { note } else { nil }
        }
        #expect(entries.count == 3 && notes.map(\.topic) == ["token created", "token revoked"])
        #expect(notes[0].text.hasPrefix("token \(token.id) made by anna for ci: deploy on shop until "))
        #expect(notes[1].text == "token \(token.id) of ci revoked by bob")
        #expect(notes[0].facts["scopes"] == "deploy" && notes[0].facts["services"] == "shop")
        let all = String(decoding: try JSONEncoder().encode(entries), as: UTF8.self)
        #expect(!all.contains(secret) && !all.contains(token.digest))
        #expect(try await journal.lease(on: TokenLedger.service) == nil)
    }

    @Test func `without a journal no token is made, and one can be revoked all the same`() async throws {
        let (token, secret) = try await create()
        journal.failWrites(with: .full("the disk is full"))
        await #expect(throws: CommandFailure.self) { try await create() }
        #expect(try await tokens.list().count == 1)
        let error = await #expect(throws: RunStoreError.self) {
            try await tokens.revoke(token.id, by: Actor("bob"))
        }
        guard case .unavailable(let text) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(text.contains("is revoked, but the journal does not tell of it: the disk is full"))
        #expect(try await tokens.principal(bearing: secret, from: "x") == nil)
    }

    @Test func `what became of tokens is for who makes them`() {
        func principal(_ scopes: Set<Scope>, _ services: Set<String>? = nil) -> Principal {
            Principal(name: "a", via: "token", source: "x", scopes: scopes, services: services)
        }
        #expect(principal([.admin]).may(.read, on: TokenLedger.service))
        #expect(!principal([.read, .deploy, .approve]).may(.read, on: TokenLedger.service))
        #expect(!principal([.admin], ["shop"]).may(.read, on: TokenLedger.service))
    }

    @Test func `the last use is written at most once a minute`() async throws {
        let (token, secret) = try await create()
        func revision() throws -> Int { try #require(records.record(Tokens.kind, token.id)).revision }
        func use() async throws { _ = try await tokens.principal(bearing: secret, from: "x") }
        let first = try revision()
        try await use()
        let second = try revision()
        #expect(second > first)
        #expect(try await tokens.list().first?.lastUsed == clock.now())
        clock.advance(by: .seconds(59))
        try await use()
        #expect(try revision() == second)
        clock.advance(by: .seconds(1))
        try await use()
        #expect(try revision() > second)
    }

    @Test func `a use that is noted late does not bring a revoked token back`() async throws {
        let (token, secret) = try await create()
        let revoking = RacingRecords(records) { try? await tokens.revoke(token.id, by: Actor("root")) }
        let racing = Tokens(revoking, ledger: ledger, clock: clock)
        _ = try await racing.principal(bearing: secret, from: "x")
        #expect(try await tokens.principal(bearing: secret, from: "x") == nil)
    }

    @Test(
        arguments: [
            ("", [Scope.read], nil), ("anna (x", [.read], nil), ("an na", [.read], nil),
            ("ännä", [.read], nil),
            ("-anna", [.read], nil), (String(repeating: "a", count: 65), [.read], nil),
            ("bgdeploy", [.read], nil),
            ("anna\n", [.read], nil), ("anna", [], nil), ("anna", [.read], []), ("anna", [.read], [""]),
        ] as [(String, [Scope], [String]?)]
    )
    func `what cannot be a token is refused`(name: String, scopes: [Scope], services: [String]?) {
        let order = Tokens.Order(name: name, scopes: Set(scopes), services: services.map { Set($0) })
        #expect(order.complaint != nil)
    }

    @Test(arguments: ["anna", "ci", "anna@example.org", "deploy-bot+eu_1", "4"])
    func `names of people and machines are taken`(name: String) {
        #expect(Tokens.Order(name: name, scopes: [.read]).complaint == nil)
    }
}

/// Does something between what is read and what is written.
private struct RacingRecords: RecordStore {
    let records: MemoryRecords
    let race: @Sendable () async -> Void

    init(_ records: MemoryRecords, _ race: @escaping @Sendable () async -> Token?) {
        self.records = records
        self.race = { _ = await race() }
    }

    func insert(_ value: String, as kind: Record.Kind, key: String, due: Timestamp?) -> Record? {
        records.insert(value, as: kind, key: key, due: due)
    }

    func record(_ kind: Record.Kind, _ key: String) async -> Record? {
        let record = records.record(kind, key)
        await race()
        return record
    }

    func records(_ kind: Record.Kind, after key: String, limit: Int) -> [Record] {
        records.records(kind, after: key, limit: limit)
    }

    func replace(_ record: Record, with value: String, due: Timestamp?) -> Record? {
        records.replace(record, with: value, due: due)
    }

    func remove(_ record: Record) -> Bool { records.remove(record) }

    func claim(_ kind: Record.Kind, dueAt now: Timestamp, until: Timestamp, limit: Int) -> [Record] {
        records.claim(kind, dueAt: now, until: until, limit: limit)
    }
}
