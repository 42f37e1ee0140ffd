import DeployCore
import DeployOperations
import DeployPorts
import Hummingbird
import Logging

/// For those who operate the service: whether it lives, whether it is ready, what it did.
struct OperationsRoutes {
    let office: Office
    let version: String

    func add(to router: some RouterMethods<ServerContext>) {
        router.get("livez") { _, _ in Response.text("ok\n") }
        router.get("readyz", use: readiness)
        router.get("metrics", use: metrics)
        router.get("v1/openapi.json") { _, _ in
            Response.text(OpenAPI.document(version: version), "application/json")
        }
    }

    /// Ready is who can read the journal and takes new runs.
    @Sendable private func readiness(_ request: Request, _ context: ServerContext) async throws -> Response {
        guard !office.conductor.isStopping else { throw Problem(.serviceUnavailable, "it is being stopped") }
        do {
            _ = try await office.store.runs(of: nil, limit: 1)
        } catch {
            // Anybody may ask: where the journal is, and what is wrong with it, is for the log.
            context.logger.error("journal not readable", metadata: ["reason": "\(error)"])
            throw Problem(.serviceUnavailable, "the journal cannot be read")
        }
        return .text("ready\n")
    }

    @Sendable private func metrics(_ request: Request, _ context: ServerContext) async throws -> Response {
        let principal = try context.allowed(.read, on: nil)
        var text = MetricsText()
        text.gauge("bgdeploy_build_info", "What runs.", [([("version", version)], 1)])
        let counts = office.hub.metrics.snapshot
        text.counter(
            "bgdeploy_runs_total",
            "Runs that this process saw settle.",
            counts.outcomes.sorted { $0.key < $1.key }.map {
                ([("service", $0.key.service), ("outcome", $0.key.name)], Double($0.value))
            }
        )
        text.summary("bgdeploy_phase_duration_seconds", "Time in a phase.", "phase", counts.phases)
        text.summary(
            "bgdeploy_rollback_duration_seconds",
            "From the decision to go back until every balancer confirmed it.",
            nil,
            counts.rollbacks
        )
        let listed = office.directory.list().filter { principal.may(.read, on: $0.name) }
        var standing: [Standing] = []
        for seen in await office.board.look(at: listed) { standing.append(try await self.standing(of: seen)) }
        add(standing, to: &text)
        text.gauge("bgdeploy_followers", "Connections that follow a run.", [([], Double(office.feed.count))])
        return .text(text.text, "text/plain; version=0.0.4; charset=utf-8")
    }

    private struct Standing {
        let service: String
        var isReadable = false
        var split: Split?
        var isHeld = false
        var isOpen = false
        var queued = 0
        var age = Span.zero
    }

    private func standing(of seen: StatusBoard.Seen) async throws -> Standing {
        var standing = Standing(service: seen.name)
        standing.age = office.desk.clock.now().since(seen.at)
        standing.queued = try await office.conductor.queue.runs(of: seen.name).count
        switch seen.status {
        case .failure(let failure):
            standing.isReadable = failure.status != .badInput
            return standing
        case .success(let status): add(status, to: &standing)
        }
        return standing
    }

    private func add(_ status: ServiceStatus, to standing: inout Standing) {
        standing.isReadable = true
        standing.split = status.observed
        standing.isHeld = status.holder != nil
        standing.isOpen = status.run?.state.isSettled == false
    }

    private func add(_ standing: [Standing], to text: inout MetricsText) {
        func gauge(_ name: String, _ help: String, _ value: (Standing) -> Double) {
            text.gauge(name, help, standing.map { ([("service", $0.service)], value($0)) })
        }
        text.gauge(
            "bgdeploy_service_split_percent",
            "Share of the traffic as the balancers have it; absent while they disagree.",
            standing.flatMap { standing in
                (standing.split?.environments ?? []).map { environment in
                    (
                        [("service", standing.service), ("environment", environment.rawValue)],
                        standing.split?.share(of: environment).value ?? 0
                    )
                }
            }
        )
        gauge("bgdeploy_service_split_known", "Whether all balancers have the same split.") {
            $0.split == nil ? 0 : 1
        }
        gauge("bgdeploy_playbook_readable", "Whether the service's playbook has no mistake.") {
            $0.isReadable ? 1 : 0
        }
        gauge("bgdeploy_run_open", "Whether a run is not settled.") { $0.isOpen ? 1 : 0 }
        gauge("bgdeploy_lease_held", "Whether a living process holds the service.") { $0.isHeld ? 1 : 0 }
        gauge("bgdeploy_service_seen_age_seconds", "How old what is told of the service is.") {
            Double($0.age.milliseconds) / 1000
        }
        gauge("bgdeploy_queue_length", "Runs that wait for the service.") { Double($0.queued) }
    }
}

/// Prometheus' text format, version 0.0.4.
struct MetricsText {
    typealias Labels = [(String, String)]

    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, Double)]) {
        add(name, help, "gauge", samples.map { (name, $0.0, $0.1) })
    }

    mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, Double)]) {
        add(name, help, "counter", samples.map { (name, $0.0, $0.1) })
    }

    /// Sums and counts; `label` names what tells them apart besides the service.
    mutating func summary(
        _ name: String,
        _ help: String,
        _ label: String?,
        _ times: [RunMetrics.Key: RunMetrics.Times]
    ) {
        let samples = times.sorted { $0.key < $1.key }.flatMap { key, times in
            let labels: Labels = [("service", key.service)] + (label.map { [($0, key.name)] } ?? [])
            return [
                ("\(name)_sum", labels, Double(times.milliseconds) / 1000),
                ("\(name)_count", labels, Double(times.count)),
            ]
        }
        add(name, help, "summary", samples)
    }

    private mutating func add(
        _ name: String,
        _ help: String,
        _ kind: String,
        _ samples: [(name: String, labels: Labels, value: Double)]
    ) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
            let value = sample.value == sample.value.rounded() ? "\(Int(sample.value))" : "\(sample.value)"
            text += "\(sample.name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
