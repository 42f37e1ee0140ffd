import ChildProcesses
import DeployCore
package import DeployPorts
import Foundation
import HTTPClient
import MetricSources
package import Playbooks

/// The numbers that are read as they are now.
extension Catalogue {
    /// Those that the playbook's metrics name.
    package static func gauges(
        of playbook: Playbook,
        _ values: Values
    ) throws(CommandFailure) -> [String: any Gauge] {
        var gauges: [String: any Gauge] = [:]
        for spec in playbook.monitor.gauges {
            gauges[spec.name] = try gauge(spec, at: "candidate.url", playbook, values)
        }
        return gauges
    }

    /// The connections that the stable environment itself tells.
    package static func connections(
        of playbook: Playbook,
        _ values: Values
    ) throws(CommandFailure) -> (any Gauge)? {
        guard let spec = playbook.drain?.connections else { return nil }
        return try gauge(spec, at: "stable.url", playbook, values)
    }

    private static func gauge(
        _ spec: Playbook.GaugeSpec,
        at base: String,
        _ playbook: Playbook,
        _ values: Values
    ) throws(CommandFailure) -> any Gauge {
        do throws(StepFailure) {
            return try gauge(spec, at: base, in: playbook.folder, values)
        } catch {
            throw CommandFailure(.badInput, "\(spec.name): \(error.message)")
        }
    }

    /// For steps, which ask once and so as often as they are asked.
    static let gauges = GaugeMaker { spec, values, folder throws(StepFailure) in
        try gauge(spec, at: "candidate.url", in: folder, values)
    }

    private static func gauge(
        _ spec: Playbook.GaugeSpec,
        at base: String,
        in folder: String,
        _ values: Values
    ) throws(StepFailure) -> any Gauge {
        switch spec.source {
        case .json(let template, let field):
            let location = try template.resolved(in: values)
            let url = location.hasPrefix("/") ? try values.value(of: base) + location : location
            return JSONGauge(name: spec.name, url: url, path: field)
        case .prometheus(let query):
            return PacedGauge(
                try prometheus(spec.name, query, values),
                every: query.every,
                clock: SystemClock()
            )
        case .command(let templates, let every):
            var arguments: [String] = []
            for template in templates { arguments.append(try template.resolved(in: values)) }
            let command = CommandGauge(
                name: spec.name,
                arguments: arguments,
                environment: environment(values),
                folder: folder
            )
            return PacedGauge(command, every: every, clock: SystemClock())
        }
    }

    private static func prometheus(
        _ name: String,
        _ query: Playbook.GaugeSpec.PrometheusQuery,
        _ values: Values
    ) throws(StepFailure) -> PrometheusGauge {
        var headers: [HTTPHeader] = []
        var basic: HTTPBasicAuth?
        switch query.authorization {
        case nil: break
        case .bearer(let token):
            headers.append(HTTPHeader("Authorization", "Bearer \(try token.resolved(in: values))"))
        case .basic(let user, let password):
            basic = HTTPBasicAuth(
                user: try user.resolved(in: values),
                password: try password.resolved(in: values)
            )
        }
        return PrometheusGauge(
            name: name,
            server: try query.server.resolved(in: values),
            query: try query.query.resolved(in: values),
            headers: headers,
            basicAuth: basic,
            now: { Date().timeIntervalSince1970 }
        )
    }

    /// Ours without what bgdeploy is told by, and the secrets, which may not stand among the arguments.
    private static func environment(_ values: Values) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BGDEPLOY_") }
        for (name, value) in values.secrets where name.hasPrefix("secret.") {
            let bare = String(name.dropFirst("secret.".count))
            environment[bare] = nil
            environment["BGDEPLOY_SECRET_\(bare)"] = value
        }
        return environment
    }
}
