import Glibc
import HTTPClient
import ServiceLab
import Testing

@testable import LoadClient

/// Makes load on a raw server.
enum LoadBench {
    static func plan(
        _ port: Int,
        pace: LoadPlan.Pace = .users(2),
        length: Duration = .seconds(2),
        within: Duration = .seconds(20)
    ) -> LoadPlan {
        var plan = LoadPlan(
            target: ConnectionTarget(host: "127.0.0.1", port: port, isSecure: false),
            host: "mina.test",
            requests: [LoadPlan.Request(path: "/a", weight: 1)],
            pace: pace,
            length: length
        )
        plan.within = within
        return plan
    }

    /// The figures of a load on a server that does with each connection what `behaviour` says.
    static func figures(
        pace: LoadPlan.Pace = .users(2),
        length: Duration = .seconds(2),
        within: Duration = .seconds(20),
        _ behaviour: @escaping @Sendable (RawConnection) -> Void
    ) async throws -> LoadFigures {
        try await RawServer.behaving(behaviour) { server in
            let plan = plan(server.port, pace: pace, length: length, within: within)
            return try await LoadClient().run(plan) { _ in true }.total
        }
    }

    /// Looks again and again, for a minute at most.
    static func eventually(_ condition: @escaping @Sendable () -> Bool) async throws {
        try await onThread {
            let end = ContinuousClock.now + .seconds(60)
            while !condition() {
                try #require(ContinuousClock.now < end)
                poll(nil, 0, 5)
            }
        }
    }
}

extension RawConnection {
    /// Answers every request with `text`, over one connection.
    func serve(_ text: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
        while !readRequest().isEmpty, send(text) {}
    }
}
