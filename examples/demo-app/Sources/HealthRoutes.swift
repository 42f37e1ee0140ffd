import HTTPTypes
import Hummingbird

/// The health endpoint and what it depends on.
///
/// Database and cache are pretended, their latency is real.
struct HealthRoutes {
    private struct Health: ResponseEncodable {
        let status: String
        let version: String
        let environment: String
        let uptimeSeconds: Int
        let draining: Bool

        enum CodingKeys: String, CodingKey {
            case status, version, environment, draining
            case uptimeSeconds = "uptime_seconds"
        }
    }

    private struct Connection: ResponseEncodable {
        var status = "connected"
        let latencyMilliseconds: Int

        enum CodingKeys: String, CodingKey {
            case status
            case latencyMilliseconds = "latency_ms"
        }
    }

    let state: DemoState

    func add(to group: RouterGroup<DemoContext>) {
        group.get { [state] _, _ in
            let healthy = state.faults.current.healthy
            return EditedResponse(
                status: healthy ? .ok : .serviceUnavailable,
                response: Health(
                    status: healthy ? "healthy" : "degraded",
                    version: state.identity.version,
                    environment: state.identity.environment,
                    uptimeSeconds: state.uptimeSeconds,
                    draining: state.sockets.count.draining
                )
            )
        }
        group.get("db") { _, _ in try await answer(after: .milliseconds(12)) }
        group.get("redis") { _, _ in try await answer(after: .milliseconds(3)) }
    }

    private func answer(after latency: Duration) async throws -> Connection {
        let start = state.clock.now
        try await state.clock.sleep(for: latency)
        let took = start.duration(to: state.clock.now)
        return Connection(latencyMilliseconds: Int(took / .milliseconds(1)))
    }
}
