import DeployOperations
import Foundation
import Synchronization

/// The demo's folder, ports and processes.
///
/// Everything is below one temporary folder and ended by ``clear()``.
final class DemoStage: Sendable {
    let folder: String
    let nginxPort: Int
    let bluePort: Int
    let greenPort: Int
    private let logPort: Int
    private let keep: Bool
    private let nginx = Mutex<Process?>(nil)

    init(keep: Bool) throws(CommandFailure) {
        self.keep = keep
        let ports = Self.freePorts(4)
        (nginxPort, bluePort, greenPort, logPort) = (ports[0], ports[1], ports[2], ports[3])
        folder = NSTemporaryDirectory() + "bgdeploy-demo-\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, text) in [
                ("mina.conf", upstream), ("nginx.conf", configuration), ("deploy.sh", deployScript),
                ("bgdeploy.yml", playbook),
            ] {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
        } catch {
            throw CommandFailure(.unavailable, "the demo's folder \(folder): \(error.localizedDescription)")
        }
    }

    var url: String { "http://127.0.0.1:\(nginxPort)/" }

    /// The demo app is installed beside this program.
    static func app() throws(CommandFailure) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let path = (own as NSString).deletingLastPathComponent + "/bgdeploy-demo-app"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw CommandFailure(
                .unavailable,
                """
                \(path) is missing: the demo app is built and installed beside bgdeploy
                From a clone: swift build --product bgdeploy-demo-app, or make demo
                """
            )
        }
        return path
    }

    func startNginx() throws(CommandFailure) {
        let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let program = (paths + ["/usr/sbin", "/usr/local/sbin", "/sbin"]).map { $0 + "/nginx" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let program else {
            throw CommandFailure(.unavailable, "nginx is not installed: apt-get install nginx-light")
        }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = ["-c", "\(folder)/nginx.conf", "-e", "\(folder)/error.log", "-g", "daemon off;"]
        do { try process.run() } catch {
            throw CommandFailure(.unavailable, "nginx cannot be started: \(error.localizedDescription)")
        }
        nginx.withLock { $0 = process }
    }

    /// Ends what was started and removes the folder.
    func clear() {
        nginx.withLock { nginx in
            nginx?.terminate()
            nginx?.waitUntilExit()
            nginx = nil
        }
        for name in ["blue", "green"] {
            guard let text = try? String(contentsOfFile: "\(folder)/\(name).pid", encoding: .utf8),
                let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
            else { continue }
            kill(process, SIGTERM)
        }
        if !keep { try? FileManager.default.removeItem(atPath: folder) }
    }

    private static func freePorts(_ count: Int) -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                    _ = bind(descriptor, raw, length)
                    _ = getsockname(descriptor, raw, &length)
                }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }

    // MARK: files

    private var upstream: String {
        """
        # The file that bgdeploy edits: it touches `weight` and `down` of these servers and nothing else.
        upstream mina {
            zone mina 64k;                                # the workers count together
            server 127.0.0.1:\(bluePort) max_fails=0;           # blue
            server 127.0.0.1:\(greenPort) max_fails=0 down;      # green
        }

        """
    }

    private var configuration: String {
        """
        worker_processes 2; pid \(folder)/nginx.pid; error_log \(folder)/error.log notice;
        events { worker_connections 1024; }
        http {
          log_format bg escape=json '{"t":$msec,"st":$status,"rt":$request_time,"ua":"$upstream_addr",'
            '"us":"$upstream_status","ut":"$upstream_response_time"}';
          access_log syslog:server=127.0.0.1:\(logPort),nohostname,tag=bg bg;
          client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy; fastcgi_temp_path \(folder)/f;
          uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
          include \(folder)/mina.conf;
          server {
            listen 127.0.0.1:\(nginxPort);
            location / { proxy_pass http://mina; proxy_http_version 1.1; proxy_set_header Connection ""; }
          }
        }

        """
    }

    /// Starts a release in an environment, as a deploy script of a user would.
    private var deployScript: String {
        """
        #!/bin/sh
        # usage: deploy.sh ENVIRONMENT PORT RELEASE     replaces what runs in the environment
        set -eu
        cd '\(folder)'
        if [ -f "$1.pid" ]; then kill "$(cat "$1.pid")" 2>/dev/null || true; fi
        setsid "$DEMO_APP" --port "$2" --name "$1" --release "$3" >"$1.log" 2>&1 </dev/null &
        echo $! >"$1.pid"
        # Until it has a session of its own it would end with this script.
        while [ "$(ps -o sid= -p "$!" | tr -d ' ')" = "$(ps -o sid= -p $$ | tr -d ' ')" ]; do sleep 0.05; done
        echo "started $3 on port $2"

        """
    }

    private var playbook: String {
        """
        service: mina
        public_url: http://127.0.0.1:\(nginxPort)

        environments:
          blue:  { url: "http://127.0.0.1:\(bluePort)", servers: ["127.0.0.1:\(bluePort)"] }
          green: { url: "http://127.0.0.1:\(greenPort)", servers: ["127.0.0.1:\(greenPort)"] }

        balancers:
          - nginx: \(folder)/mina.conf
            upstream: mina
            test: [nginx, -t, -q, -c, \(folder)/nginx.conf, -e, \(folder)/error.log]
            log: udp:127.0.0.1:\(logPort)

        strategy: { canary: [10%, 50%, 100%], hold: 4s }

        prepare:
          - name: start the release
            script: |
              case "$BGDEPLOY_CANDIDATE" in blue) port=\(bluePort) ;; *) port=\(greenPort) ;; esac
              sh '\(folder)/deploy.sh' "$BGDEPLOY_CANDIDATE" "$port" "$BGDEPLOY_VERSION"

        warm_up:
          - http: { get: /api/health }
            retry: { attempts: 30, every: 200ms }

        validate:
          - http: { get: /api/health, expect: { json: { status: healthy, version: "${version}" } } }
          - http: { get: /api/health/db, expect: { json: { status: connected, latency_ms: "< 100" } } }

        monitor: { for: 5s }

        """
    }
}
