@testable import BalancerLab
import DeployCore
import DeployPorts
import Foundation
import HAProxyDriver
import MetricSources
import NginxDriver
import SafeFile
import Testing

/// The kinds of balancers as a catalogue has them.
enum Stands {
    static let kinds = [
        BalancerKind(key: "nginx", schema: NginxSettings.schema) { reader, context in
            let log = reader.text("log").flatMap { try? LogPlace($0) }
            return NginxSettings.settings(from: &reader, context).map { settings in
                let servers = Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 }
                return ConfiguredBalancer(
                    balancer: NginxBalancer(settings, timekeeper: LabClock()),
                    source: log.map { NginxLogSource($0, servers: servers, groups: settings.groups) }
                )
            }
        },
        BalancerKind(key: "haproxy", schema: HAProxySettings.schema) { reader, context in
            HAProxySettings.settings(from: &reader, context).map { settings in
                let servers = Dictionary(context.environments.map { ($0.name, $0.servers) }) { $0 + $1 }
                let names = context.environments.map { ($0.name, settings.backend(of: $0)) }
                let backends = Dictionary(names) { $1 }
                return ConfiguredBalancer(
                    balancer: HAProxyBalancer(settings, timekeeper: LabClock()),
                    source: HAProxyStatsSource(
                        socket: settings.socket,
                        backends: backends,
                        servers: servers,
                        log: nil
                    )
                )
            }
        },
    ]

    static func text(_ text: String) -> Parameter {
        .scalar(.init(text: text, isQuoted: true, position: .unknown))
    }

    static func entry(_ pairs: [(String, Parameter)]) -> Parameter {
        .map(pairs.map { .init(key: $0.0, keyPosition: .unknown, value: $0.1) }, position: .unknown)
    }

    /// What a playbook's entry becomes, and what was wrong with it.
    static func make(
        _ kind: BalancerKind,
        _ entry: Parameter,
        _ environments: [EnvironmentSpec],
        folder: String = "/srv/playbooks"
    ) -> (ConfiguredBalancer?, [String]) {
        let diagnostics = Diagnostics()
        var reader = MapReader(entry, "a balancer", diagnostics: diagnostics)
        let context = BalancerContext(service: "app", folder: folder, environments: environments)
        let made = kind.make(&reader, context)
        reader.finish()
        return (made, diagnostics.all.map(\.message))
    }
}

/// A real balancer before two web servers; everything is on blue.
protocol Stand: AnyObject, Sendable {
    var folder: LabFolder { get }
    var file: String { get }
    var environments: [EnvironmentSpec] { get }
    var kind: String { get }
    var entry: [(String, Parameter)] { get }
}

extension Stand {
    var door: String { folder.path + "/door.sock" }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    /// The balancer over SSH.
    func remote(
        _ lab: SSHLab,
        _ kind: BalancerKind,
        more: [(String, Parameter)] = []
    ) throws -> ConfiguredBalancer {
        let on = [("on", Stands.text("ssh://\(try lab.host())"))]
        let (made, problems) = Stands.make(kind, Stands.entry(on + entry + more), environments)
        #expect(problems.isEmpty, "\(problems)")
        return try #require(made)
    }

    /// The balancer as another process on its host sees it.
    func local() throws -> any LoadBalancer {
        let key = kind
        let kind = try #require(Stands.kinds.first { $0.key == key })
        return try #require(Stands.make(kind, Stands.entry(entry), environments).0).balancer
    }
}

final class NginxStand: Stand {
    let folder = LabFolder()
    let kind = "nginx"
    private let servers = [WebBackend("blue"), WebBackend("green")]
    private let process: LabProcess

    var file: String { folder.path + "/app.conf" }

    var environments: [EnvironmentSpec] {
        zip([blue, green], servers).map { EnvironmentSpec(name: $0, url: "", servers: [$1.address]) }
    }

    private var words: [String] {
        ["nginx", "-c", "\(folder.path)/nginx.conf", "-e", "\(folder.path)/error.log"]
    }

    var entry: [(String, Parameter)] {
        [
            ("nginx", Stands.text(file)), ("upstream", Stands.text("app")),
            ("test", .list((words + ["-t"]).map(Stands.text), position: .unknown)),
        ]
    }

    init() async throws {
        let path = folder.path
        try folder.write(
            "app.conf",
            "upstream app {\n  zone app 64k;\n  server \(servers[0].address) max_fails=0;\n"
                + "  server \(servers[1].address) max_fails=0 down;\n}\n"
        )
        try folder.write(
            "nginx.conf",
            """
            \(geteuid() == 0 ? "user root;" : "") worker_processes 2; pid \(path)/nginx.pid;
            error_log \(path)/error.log notice;
            events { worker_connections 512; }
            http {
              log_format bgdeploy escape=json '{"upstream":"$upstream_addr","status":"$upstream_status"}';
              access_log off;
              client_body_temp_path \(path)/b; proxy_temp_path \(path)/p; fastcgi_temp_path \(path)/f;
              uwsgi_temp_path \(path)/u; scgi_temp_path \(path)/s;
              include \(path)/app.conf;
              server { listen unix:\(path)/door.sock; location / { proxy_pass http://app; } }
            }

            """
        )
        process = try LabProcess(
            ["nginx", "-c", "\(path)/nginx.conf", "-e", "\(path)/error.log", "-g", "daemon off;"]
        )
        let door = path + "/door.sock"
        try await eventually("nginx answers") { WebClient.get(door) == "blue" }
        // The kernel tells the start of a process in ticks of 10 ms; what is written later counts as later.
        MonotonicClock.pause(milliseconds: 50)
    }
}

final class HAProxyStand: Stand {
    let folder = LabFolder()
    let kind = "haproxy"
    private let servers = [WebBackend("blue"), WebBackend("green")]
    private let process: LabProcess

    var file: String { folder.path + "/haproxy.cfg" }

    var environments: [EnvironmentSpec] {
        zip([blue, green], servers).map { EnvironmentSpec(name: $0, url: "", servers: [$1.address]) }
    }

    var entry: [(String, Parameter)] {
        [
            ("haproxy", Stands.text(file)), ("backend", Stands.text("app")),
            ("socket", Stands.text(folder.path + "/admin.sock")),
        ]
    }

    init() async throws {
        let path = folder.path
        try folder.write(
            "haproxy.cfg",
            """
            global
                stats socket \(path)/admin.sock mode 600 level admin expose-fd listeners

            defaults
                mode http
                timeout connect 2s
                timeout client 60s
                timeout server 60s

            frontend www
                bind unix@\(path)/door.sock
                default_backend app

            backend app
                balance roundrobin
                server blue1 \(servers[0].address) weight 100
                server green1 \(servers[1].address) weight 0

            """
        )
        process = try LabProcess(["haproxy", "-db", "-q", "-f", "\(path)/haproxy.cfg"])
        let door = path + "/door.sock"
        try await eventually("HAProxy answers") { WebClient.get(door) == "blue" }
    }
}

func failure<Value>(_ body: () async throws -> Value) async -> LoadBalancerError? {
    do {
        _ = try await body()
    } catch {
        return error as? LoadBalancerError
    }
    return nil
}

/// Tries again where a busy machine is too late for short limits.
func persistently<Value>(_ body: () async throws -> Value) async throws -> Value {
    for _ in 0..<20 {
        do { return try await body() } catch LoadBalancerError.unreachable { continue }
    }
    return try await body()
}

/// Another failure than the one that was expected.
func record(_ error: LoadBalancerError?, at place: SourceLocation = #_sourceLocation) {
    Issue.record("\(String(describing: error))", sourceLocation: place)
}
