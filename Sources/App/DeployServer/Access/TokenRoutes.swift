package import DeployCore
package import DeployOperations
package import DeployPorts
import Foundation
package import Hummingbird
import Logging
import NIOCore

/// Tokens, for those who may do all on every service.
package struct TokenRoutes: Sendable {
    private let tokens: Tokens
    private let clock: any Timekeeper

    package init(_ tokens: Tokens, clock: any Timekeeper) {
        self.tokens = tokens
        self.clock = clock
    }

    package func add(to router: some RouterMethods<ServerContext>) {
        router.get("v1/tokens", use: list)
        router.post("v1/tokens", use: create)
        router.delete("v1/tokens/:token", use: revoke)
    }

    @Sendable private func list(_ request: Request, _ context: ServerContext) async throws -> Response {
        _ = try context.allowed(.admin, on: nil)
        do throws(RunStoreError) {
            let now = clock.now()
            return .json(.object([("tokens", .list(try await tokens.list().map { $0.json(at: now) }))]))
        } catch {
            throw Problem(CommandFailure(error))
        }
    }

    /// The answer alone has the secret, and is kept nowhere.
    @Sendable private func create(_ request: Request, _ context: ServerContext) async throws -> Response {
        let principal = try context.allowed(.admin, on: nil)
        let body = try await request.body.collect(upTo: context.maxUploadSize)
        let order = try Self.order(Data(body.readableBytesView))
        let (token, secret) = try await tokens.create(order, by: principal.actor)
        context.logger.notice("token created", metadata: ["token": "\(token.id)", "name": "\(token.name)"])
        return .json(token.json(at: clock.now(), secret: secret), .created)
    }

    @Sendable private func revoke(_ request: Request, _ context: ServerContext) async throws -> Response {
        let principal = try context.allowed(.admin, on: nil)
        let id = try context.parameters.require("token")
        let token: Token?
        do throws(RunStoreError) {
            token = try await tokens.revoke(id, by: principal.actor)
        } catch {
            throw Problem(CommandFailure(error))
        }
        guard let token else { throw Problem(.notFound, "there is no token \(id)") }
        context.logger.notice("token revoked", metadata: ["token": "\(id)", "name": "\(token.name)"])
        return .json(token.json(at: clock.now()))
    }

    // MARK: body

    private static let keys = ["name", "scopes", "services", "expires"]

    private static func order(_ body: Data) throws -> Tokens.Order {
        guard let fields = try? JSONSerialization.jsonObject(with: body) as? [String: Any] else {
            throw Problem(.badRequest, "the body is not a JSON object")
        }
        if let unknown = fields.keys.sorted().first(where: { !keys.contains($0) }) {
            throw mistake("unknown: `\(unknown)`; expected `name`, `scopes`, `services`, `expires`")
        }
        guard let name = fields["name"] as? String else { throw mistake("`name`: expected a string") }
        let words = try strings("scopes", fields) ?? []
        let scopes = try words.map { word in
            guard let scope = Scope(rawValue: word) else {
                throw mistake("`scopes`: expected read, deploy, approve or admin, found `\(word)`")
            }
            return scope
        }
        return Tokens.Order(
            name: name,
            scopes: Set(scopes),
            services: try strings("services", fields).map { Set($0) },
            lifetime: try lifetime(fields["expires"])
        )
    }

    private static func strings(_ key: String, _ fields: [String: Any]) throws -> [String]? {
        guard let value = fields[key], !(value is NSNull) else { return nil }
        guard let words = value as? [String], words.count <= 100 else {
            throw mistake("`\(key)`: expected a list of strings, 100 at most")
        }
        return words
    }

    private static func lifetime(_ value: Any?) throws -> Span? {
        guard let value, !(value is NSNull) else { return Tokens.Order.lifetime }
        guard let text = value as? String else {
            throw mistake("`expires`: expected a string such as 90d, or never")
        }
        do throws(CommandFailure) {
            return try Tokens.Order.lifetime(text)
        } catch {
            throw mistake("`expires`: \(error.message)")
        }
    }

    private static func mistake(_ text: String) -> Problem {
        Problem(.unprocessableContent, text, code: ExitStatus.usage.rawValue)
    }
}

extension Tokens.Order {
    /// Reads `90d` or `never`.
    package static func lifetime(_ text: String) throws(CommandFailure) -> Span? {
        if text == "never" { return nil }
        guard let span = Span(playbook: text), span > .zero else {
            throw CommandFailure(.usage, "expected a duration such as 90d, or never; found `\(text)`")
        }
        return span
    }
}
