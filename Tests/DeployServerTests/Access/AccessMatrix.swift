import DeployCore
import DeployTestKit
import Testing

@testable import DeployServer

/// Every route, asked by everybody: who is let in is what the table says, and nobody else.
struct AccessMatrix {
    /// A route with an example for what its path leaves open; `service` is the one that it belongs to.
    struct Route {
        let method: String
        let path: String
        let scope: Scope
        let service: String?
        var body: String?
    }

    /// The service of the routes' paths.
    static let service = "shop"

    let lab: AccessLab
    let visitor: Caller

    /// One line for each answer that is not as it should be; `exempt` are statuses of a route that works.
    func mistakes(in routes: [Route]) async throws -> [String] {
        var found: [String] = []
        for route in routes {
            for (who, token) in try await strangers() {
                let status = try await status(route, token)
                if status != 401 { found.append("\(route.method) \(route.path) answers \(status) to \(who)") }
            }
            for scopes in Self.allScopes {
                for services in [nil, [Self.service], ["other"]] as [Set<String>?] {
                    let token = try await lab.token("anna", scopes, services: services)
                    let isAllowed = Self.isAllowed(scopes, services, route)
                    let status = try await status(route, token)
                    guard (status != 401 && status != 403) != isAllowed || status == 401 else { continue }
                    let words = scopes.sorted().map(\.rawValue).joined(separator: "+")
                    let place = services?.joined() ?? "all services"
                    found.append("\(route.method) \(route.path) answers \(status) to \(words) on \(place)")
                }
            }
        }
        return found
    }

    private static let allScopes: [Set<Scope>] = [
        [.read], [.deploy], [.approve], [.deploy, .approve], [.admin],
    ]

    /// Told again here in other words than the product's, so that a slip there shows.
    private static func isAllowed(_ scopes: Set<Scope>, _ services: Set<String>?, _ route: Route) -> Bool {
        let isLimited = services != nil
        if let services, let service = route.service, !services.contains(service) { return false }
        if route.service == nil, isLimited, route.scope != .read { return false }
        switch route.scope {
        case .read: return true
        case .deploy: return scopes.contains(.deploy) || scopes.contains(.admin)
        case .approve: return scopes.contains(.approve) || scopes.contains(.admin)
        case .admin: return scopes.contains(.admin)
        }
    }

    private func strangers() async throws -> [(String, String?)] {
        let expired = try await lab.token("ed", lifetime: .seconds(1))
        lab.clock.advance(by: .minutes(2))
        let revoked = try await lab.token("rob")
        let id = try #require(try await lab.access.tokens.list().last { $0.name == "rob" }?.id)
        _ = try await lab.access.tokens.revoke(id, by: Actor("root"))
        return [
            ("nobody", nil), ("a made-up token", Bearer.random().text), ("no token at all", "hunter2"),
            ("an expired token", expired), ("a revoked token", revoked),
        ]
    }

    private func status(_ route: Route, _ token: String?) async throws -> Int {
        try await visitor.bearing(token).send(route.method, route.path, route.body).status
    }
}

struct AccessMatrixTests {
    @Test func `each route lets in who may and nobody else`() async throws {
        let lab = AccessLab()
        try await lab.serve { visitor in
            let routes: [AccessMatrix.Route] = [
                .init(method: "GET", path: "/v1/services/shop", scope: .read, service: "shop"),
                .init(
                    method: "POST",
                    path: "/v1/services/shop/runs",
                    scope: .deploy,
                    service: "shop",
                    body: "{}"
                ),
                .init(
                    method: "POST",
                    path: "/v1/services/shop/approve",
                    scope: .approve,
                    service: "shop",
                    body: "{}"
                ),
                .init(method: "GET", path: "/v1/tokens", scope: .admin, service: nil),
                .init(method: "POST", path: "/v1/tokens", scope: .admin, service: nil, body: "{}"),
                .init(method: "DELETE", path: "/v1/tokens/00000000", scope: .admin, service: nil),
            ]
            let mistakes = try await AccessMatrix(lab: lab, visitor: visitor).mistakes(in: routes)
            #expect(mistakes == [])
        }
    }
}
