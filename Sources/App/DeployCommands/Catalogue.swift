import Checks
import ChildProcesses
import Commands
import DeployCore
import DeployPorts
import Foundation
import HAProxyDriver
import HTTPClient
import MetricSources
import NginxDriver
import Playbooks

/// Everything that a playbook may name, in one place: the only list of drivers.
extension Catalogue {
    static let shared = Catalogue(
        stepKinds: CheckKinds.all() + CommandStep.kinds(supervisor: "/proc/self/exe"),
        balancerKinds: [nginx, haproxy]
    )

    static let probe: any ServerProbe = ConnectionProbe()

    private static let nginx = BalancerKind(key: "nginx", schema: NginxSettings.schema) { reader, context in
        let log = reader.optional("log")
        guard let settings = NginxSettings.settings(from: &reader, context) else { return nil }
        var source: (any MetricsSource)?
        if let log, let text = reader.text(of: log, "log") {
            do throws(LogPlace.Mistake) {
                source = try NginxLogSource.make(log: text, environments: context.environments)
            } catch {
                reader.diagnostics.report(log.position, error.message)
            }
        }
        let balancer: any LoadBalancer =
            settings.mode == .switchboard
            ? NginxSwitchboard(settings, timekeeper: SystemClock())
            : NginxBalancer(settings, timekeeper: SystemClock())
        return ConfiguredBalancer(balancer: balancer, source: source)
    }

    private static let haproxy = BalancerKind(key: "haproxy", schema: HAProxySettings.schema) {
        reader,
        context in
        guard let settings = HAProxySettings.settings(from: &reader, context) else { return nil }
        let source = HAProxyStatsSource(
            socket: settings.socket,
            backends: Dictionary(
                context.environments.map { ($0.name, settings.backend(of: $0)) },
                uniquingKeysWith: { first, _ in first }
            ),
            servers: Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 }
        )
        return ConfiguredBalancer(
            balancer: HAProxyBalancer(settings, timekeeper: SystemClock()),
            source: source
        )
    }

    /// The numbers that the playbook's metrics read from the candidate.
    static func gauges(
        of playbook: Playbook,
        _ values: Values
    ) throws(CommandFailure) -> [String: any Gauge] {
        var gauges: [String: any Gauge] = [:]
        for spec in playbook.monitor.gauges {
            gauges[spec.name] = try gauge(spec, at: "candidate.url", values)
        }
        return gauges
    }

    /// The connections that the stable environment itself tells.
    static func connections(of playbook: Playbook, _ values: Values) throws(CommandFailure) -> (any Gauge)? {
        guard let spec = playbook.drain?.connections else { return nil }
        return try gauge(spec, at: "stable.url", values)
    }

    private static func gauge(
        _ spec: Playbook.GaugeSpec,
        at base: String,
        _ values: Values
    ) throws(CommandFailure) -> any Gauge {
        do throws(StepFailure) {
            let location = try spec.location.resolved(in: values)
            let url = location.hasPrefix("/") ? try values.value(of: base) + location : location
            return JSONGauge(name: spec.name, url: url, path: spec.value)
        } catch {
            throw CommandFailure(.badInput, "\(spec.name): \(error.message)")
        }
    }
}

/// Whether a server takes connections, by opening one.
private struct ConnectionProbe: ServerProbe {
    private let client = HTTPClient()

    func refusal(of server: String) async -> String? {
        let address = server.contains(":") ? server : "\(server):80"
        guard !server.hasPrefix("unix:"), let endpoint = HTTPEndpoint(address) else { return nil }
        do throws(HTTPError) {
            _ = try await client.connect(to: endpoint, deadline: .seconds(1))
            return nil
        } catch {
            // Only a refusal is a proof; silence may be a firewall that lets nobody but the balancer in.
            if case .refused = error { return "refuses connections" }
            return nil
        }
    }
}
