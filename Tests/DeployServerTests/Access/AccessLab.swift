import DeployCore
import DeployOperations
import DeployPorts
import DeployTestKit
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

@testable import DeployServer

/// A service that has nothing but its doors, on a real socket.
struct AccessLab {
    let records = MemoryRecords()
    let journal = MemoryRunStore()
    let clock = ManualClock()
    let access: Access
    /// What no route expects.
    struct Broken: Error { let secret: String }

    /// How often something was done.
    let deeds = Deeds()

    final class Deeds: Sendable {
        private let number = Mutex(0)
        var count: Int { number.withLock { $0 } }
        func add() -> Int {
            number.withLock { number in
                number += 1
                return number
            }
        }
    }

    init(_ settings: AccessSettings = AccessSettings()) {
        access = Access(records, journal: journal, clock: clock, settings: settings)
    }

    /// What a new token's bearer shows.
    func token(
        _ name: String = "anna",
        _ scopes: Set<Scope> = [.admin],
        services: Set<String>? = nil,
        lifetime: Span? = .minutes(60)
    ) async throws -> String {
        let order = Tokens.Order(name: name, scopes: scopes, services: services, lifetime: lifetime)
        return try await access.tokens.create(order, by: Actor("root")).secret
    }

    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self)
        access.add(to: router)
        TokenRoutes(access.tokens, clock: clock).add(to: router)
        router.get("livez") { _, _ in "alive" }
        router.get("whoami") { _, context in
            context.principal.map { "\($0.actor) \($0.scopes.sorted().map(\.rawValue))" } ?? "nobody"
        }
        router.get("csrf") { _, context in context.session?.csrf ?? "none" }
        router.get("broken") { _, _ -> String in throw Broken(secret: "password=hunter2") }
        router.get("kept") { _, _ in
            Response(status: .ok, headers: [.cacheControl: "max-age=60", .contentSecurityPolicy: "sandbox"])
        }
        router.get("v1/services/:service") { _, context in
            try context.allowed(.read, on: context.parameters.require("service")).name
        }
        router.post("v1/services/:service/runs") { request, context in
            let principal = try context.allowed(.deploy, on: context.parameters.require("service"))
            return try await access.idempotency.once(request, by: principal) {
                let status = request.uri.queryParameters["status"].flatMap { Int($0) } ?? 201
                if status == 409 { throw Problem(.conflict, "held") }
                return .text("deed \(deeds.add())", "text/plain", .init(code: status))
            }
        }
        router.post("v1/services/:service/approve") { _, context in
            try context.allowed(.approve, on: context.parameters.require("service")).name
        }
        router.post("page") { request, _ in
            _ = deeds.add()
            return String(buffer: try await request.body.collect(upTo: 1000))
        }
        router.post("login") { request, context in
            let secret = String(buffer: try await request.body.collect(upTo: 1000)).dropFirst("token=".count)
            guard let cookie = try await access.logIn(with: String(secret), context) else {
                return Response(status: .forbidden)
            }
            var response = Response(status: .noContent)
            response.setCookie(cookie)
            return response
        }
        router.post("logout") { request, _ in
            var response = Response(status: .noContent)
            response.setCookie(try await access.logOut(request))
            return response
        }
        return router
    }

    /// Serves while `visit` runs; at a port of the loopback interface, or at `socket`.
    ///
    /// `router` is what is served in place of the lab's own.
    func serve(
        at socket: String? = nil,
        _ router: Router<ServerContext>? = nil,
        _ visit: @Sendable (Caller) async throws -> Void
    ) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let address = socket.map { BindAddress.unixDomainSocket(path: $0) } ?? .hostname("127.0.0.1", port: 0)
        let application = Application(
            router: router ?? self.router(),
            configuration: ApplicationConfiguration(address: address),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "access") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            let port = try #require(await ports.first { _ in true })
            let result = await Result { try await visit(Caller(port: port, socket: socket)) }
            group.cancelAll()
            while await group.nextResult() != nil {}
            try result.get()
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    init(_ work: () async throws -> Success) async {
        do { self = .success(try await work()) } catch { self = .failure(error) }
    }
}
