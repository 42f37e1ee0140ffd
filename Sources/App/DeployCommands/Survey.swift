import DeployOperations
import Foundation
import HAProxyConfig
import NginxConfig

/// Finds the pools of servers in this host's balancer configurations.
struct Survey {
    /// An upstream of nginx or a backend of HAProxy.
    struct Place {
        enum Kind {
            case nginx
            case haproxy(socket: String)
        }

        let kind: Kind
        let file: String
        let pool: String
        /// Servers that get traffic, and servers that do not.
        let active: [String]
        let idle: [String]

        var description: String {
            switch kind {
            case .nginx: "nginx \(file), upstream \(pool)"
            case .haproxy: "haproxy \(file), backend \(pool)"
            }
        }
    }

    func usualPlaces() -> [Place] {
        let folders = ["/etc/nginx/conf.d", "/etc/nginx/sites-enabled"]
        let files = folders.flatMap { folder in
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map {
                "\(folder)/\($0)"
            }
        }
        let nginx = (files + ["/etc/nginx/nginx.conf"]).flatMap { (try? self.nginx($0)) ?? [] }
        return nginx + ((try? haproxy("/etc/haproxy/haproxy.cfg", socket: nil)) ?? [])
    }

    func nginx(_ file: String) throws(CommandFailure) -> [Place] {
        let bytes = try read(file)
        do throws(NginxConfig.ConfigurationError) {
            let configuration = try NginxConfiguration(parsing: bytes)
            return configuration.upstreamNames.flatMap { name in
                configuration.upstreams(named: name).map { upstream in
                    Place(
                        kind: .nginx,
                        file: file,
                        pool: name,
                        active: upstream.servers.filter { !$0.isDown && !$0.isBackup }.map(\.address),
                        idle: upstream.servers.filter { $0.isDown && !$0.isBackup }.map(\.address)
                    )
                }
            }
        } catch {
            throw CommandFailure(.badInput, "\(file):\(error.line):\(error.column): \(error.message)")
        }
    }

    func haproxy(_ file: String, socket: String?) throws(CommandFailure) -> [Place] {
        let bytes = try read(file)
        do throws(HAProxyConfig.ConfigurationError) {
            let configuration = try HAProxyConfiguration(parsing: bytes)
            let socket = socket ?? Self.socket(in: bytes) ?? "/run/haproxy/admin.sock"
            return configuration.backendNames.flatMap { name in
                configuration.backends(named: name).map { backend in
                    Place(
                        kind: .haproxy(socket: socket),
                        file: file,
                        pool: name,
                        active: backend.servers.filter { ($0.weight ?? 1) > 0 && !$0.isBackup }.map(
                            \.address
                        ),
                        idle: backend.servers.filter { $0.weight == 0 && !$0.isBackup }.map(\.address)
                    )
                }
            }
        } catch {
            throw CommandFailure(.badInput, "\(file):\(error.line):\(error.column): \(error.message)")
        }
    }

    /// The path of the first `stats socket` line.
    private static func socket(in bytes: [UInt8]) -> String? {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 2, words[0] == "stats", words[1] == "socket", words[2].hasPrefix("/") {
                return String(words[2])
            }
        }
        return nil
    }

    private func read(_ file: String) throws(CommandFailure) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandFailure(.badInput, "\(file) cannot be read")
        }
        return Array(data)
    }
}

/// The text that `init` writes.
struct StarterPlaybook {
    let service: String
    let place: Survey.Place
    let blue: [String]
    let green: [String]
    let health: String

    var text: String {
        """
        # How \(service) is released. Every key: docs/reference/playbook.md, or `bgdeploy check --schema`.
        service: \(service)

        environments:
          blue:  { url: "http://\(blue[0])", servers: [\(Self.list(blue))] }
          green: { url: "http://\(green[0])", servers: [\(Self.list(green))] }

        balancers:
        \(balancer)

        # At once by default; as a canary it is `strategy: { canary: [10%, 50%, 100%], hold: 5m }`.
        strategy: instant

        # How the idle environment gets the version.
        prepare:
          - run: [./deploy.sh, "${candidate}", "${version}"]

        # What must be true of it before users are sent there.
        validate:
          - http: { get: \(health), expect: { status: 200 } }

        # Back to the old version when it turns bad: above 5 % errors, by default.
        monitor:
          for: 15m

        """
    }

    private var balancer: String {
        switch place.kind {
        case .nginx:
            """
              - nginx: \(place.file)
                upstream: \(place.pool)
                # log: unix:/run/bgdeploy/\(service).sock   # shows errors per environment; see nginx/log-format.conf
            """
        case .haproxy(let socket):
            """
              - haproxy: \(place.file)
                backend: \(place.pool)
                socket: \(socket)
            """
        }
    }

    private static func list(_ servers: [String]) -> String {
        servers.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}
