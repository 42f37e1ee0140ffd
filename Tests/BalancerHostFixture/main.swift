import DeployCore
import DeployPorts
import Glibc
import HAProxyDriver
import MetricSources
import NginxDriver
import RemoteHosts

// What `bgdeploy balancer` is, with the drivers alone. Arguments: the version to be told, then the policy's files.
struct WallClock: Timekeeper {
    func now() -> Timestamp { Timestamp(milliseconds: Int64(time(nil)) * 1000) }
    func sleep(for span: Span) async throws(CancellationError) {}
}

let nginx = BalancerKind(key: "nginx", schema: NginxSettings.schema) { reader, context in
    let log = reader.text("log").flatMap { try? LogPlace($0) }
    guard var settings = NginxSettings.settings(from: &reader, context) else { return nil }
    settings.reloadDeadline = 60_000
    let servers = Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 }
    return ConfiguredBalancer(
        balancer: NginxBalancer(settings, timekeeper: WallClock()),
        source: log.map { NginxLogSource($0, servers: servers, groups: settings.groups) }
    )
}
let haproxy = BalancerKind(key: "haproxy", schema: HAProxySettings.schema) { reader, context in
    guard let settings = HAProxySettings.settings(from: &reader, context) else { return nil }
    return ConfiguredBalancer(
        balancer: HAProxyBalancer(settings, timekeeper: WallClock()),
        source: HAProxyStatsSource(
            socket: settings.socket,
            backends: Dictionary(context.environments.map { ($0.name, settings.backend(of: $0)) }) { $1 },
            servers: Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 },
            log: nil
        )
    )
}
let arguments = CommandLine.arguments.dropFirst()
let files = Array(arguments.dropFirst())
let host = BalancerHost(
    version: arguments.first ?? "0.1.0",
    kinds: [nginx, haproxy],
    policy: BalancerHost.Policy(files: files, takesCommands: files.isEmpty)
)
exit(await host.serve() ? 0 : 64)
