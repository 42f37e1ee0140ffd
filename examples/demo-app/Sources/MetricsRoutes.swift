import Hummingbird

/// What the service says about itself, rates as 0…1.
struct MetricsRoutes {
    private struct Connections: ResponseEncodable {
        let active: Int
        let requests: Int
        let draining: Bool
    }

    private struct Errors: ResponseEncodable {
        let requests: Int
        let errors: Int
        let errorRate: Double

        enum CodingKeys: String, CodingKey {
            case requests = "requests_5min"
            case errors = "errors_5min"
            case errorRate = "error_rate_5min"
        }
    }

    private struct ActiveSessions: ResponseEncodable {
        let count: Int
    }

    private struct WebSockets: ResponseEncodable {
        let active: Int
        let opened: Int
        let refused: Int
        let successRate: Double

        enum CodingKeys: String, CodingKey {
            case active, opened, refused
            case successRate = "connection_success_rate"
        }
    }

    let state: DemoState

    func add(to group: RouterGroup<DemoContext>) {
        group.get("connections") { [state] _, _ in
            let sockets = state.sockets.count
            return Connections(
                active: sockets.active,
                requests: state.traffic.active,
                draining: sockets.draining
            )
        }
        group.get("errors") { [traffic = state.traffic] _, _ in
            let sums = traffic.lastFiveMinutes
            return Errors(requests: sums.requests, errors: sums.errors, errorRate: sums.errorRate)
        }
        group.get("sessions/active") { [sessions = state.sessions] _, _ in
            ActiveSessions(count: sessions.activeCount)
        }
        group.get("websockets") { [sockets = state.sockets] _, _ in
            let count = sockets.count
            return WebSockets(
                active: count.active,
                opened: count.opened,
                refused: count.refused,
                successRate: count.successRate
            )
        }
    }
}
