package import DeployCore
package import DeployPorts

/// Reads another gauge at most once in ``every``; between two readings the latest one stands, a failure too.
///
/// So a value is never older than ``every`` and the time that its reading takes.
package actor PacedGauge: Gauge {
    package nonisolated let name: String
    package nonisolated let every: DeployCore.Span
    private let gauge: any Gauge
    private let clock: any Timekeeper
    private var latest: (at: Timestamp, outcome: Result<Double, MetricsError>)?

    package init(_ gauge: any Gauge, every: DeployCore.Span, clock: any Timekeeper) {
        self.gauge = gauge
        self.every = every
        self.clock = clock
        name = gauge.name
    }

    package func read() async throws(MetricsError) -> Double {
        let now = clock.now()
        if let latest {
            // A wall clock that was set back must not keep an old value alive.
            if now >= latest.at, now.since(latest.at) < every { return try latest.outcome.get() }
        }
        latest = (now, .failure(.noEvidence("\(name) is being read")))
        let outcome: Result<Double, MetricsError>
        do throws(MetricsError) {
            outcome = .success(try await gauge.read())
        } catch {
            outcome = .failure(error)
        }
        latest = (now, outcome)
        return try outcome.get()
    }
}
