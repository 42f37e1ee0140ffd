import Backups
import Checks
import ChildProcesses
import Commands
import DeployCore
package import DeployPorts
import Foundation
import HAProxyDriver
import Load
import MetricSources
import Migrations
import NginxDriver
import Notifiers
package import Playbooks
import RemoteHosts
import SecureShell
import TimeZones

/// Everything that a playbook may name, in one place: the only list of drivers.
extension Catalogue {
    package static let shared = Catalogue(
        stepKinds: CheckKinds.all() + LoadKinds.all(clock: SystemClock())
            + CommandStep.kinds(supervisor: "/proc/self/exe") + [BackupStep.kind(), RestoreDrillStep.kind()],
        migrationParts: [GateStep.kind(), RehearseStep.kind(), ApplyStep.kind()],
        balancerKinds: localBalancerKinds.map { kind in
            kind.alsoElsewhere(client: { SSHClient.usual() }, version: programVersion)
        },
        notifierKinds: NotifierKinds.all(),
        gauges: gauges,
        zones: SystemZones()
    )

    /// Those of this host, which `bgdeploy balancer` serves to others.
    package static let localBalancerKinds = [nginx, haproxy]

    package static let probe: any ServerProbe = ConnectionProbe()

    private static let nginx = BalancerKind(key: "nginx", schema: NginxSettings.schema) { reader, context in
        let log = logPlace(&reader)
        guard let settings = NginxSettings.settings(from: &reader, context) else { return nil }
        let source = log.map {
            NginxLogSource(
                $0,
                servers: Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 },
                groups: settings.groups
            )
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
        let log = logPlace(&reader)
        guard let settings = HAProxySettings.settings(from: &reader, context) else { return nil }
        let source = HAProxyStatsSource(
            socket: settings.socket,
            backends: Dictionary(
                context.environments.map { ($0.name, settings.backend(of: $0)) },
                uniquingKeysWith: { first, _ in first }
            ),
            servers: Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 },
            log: log
        )
        return ConfiguredBalancer(
            balancer: HAProxyBalancer(settings, timekeeper: SystemClock()),
            source: source
        )
    }

    /// Takes `log` out and reports a place that is none; `nil` without the key.
    private static func logPlace(_ reader: inout MapReader) -> LogPlace? {
        guard let value = reader.optional("log"), let text = reader.text(of: value, "log") else { return nil }
        do throws(LogPlace.Mistake) {
            return try LogPlace(text)
        } catch {
            reader.diagnostics.report(value.position, error.message)
            return nil
        }
    }
}
