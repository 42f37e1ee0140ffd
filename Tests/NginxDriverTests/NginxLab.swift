@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// A real nginx in a folder of its own, before two environments; everything is on blue.
final class NginxLab: Sendable {
    let folder = LabFolder()
    let blueServer = WebBackend("blue")
    let greenServer = WebBackend("green")
    let balancer: NginxBalancer
    let settings: NginxSettings
    private let process: LabProcess

    var door: String { folder.path + "/door.sock" }
    var file: String { folder.path + "/app.conf" }
    var master: pid_t { process.id }

    init(_ change: (inout NginxSettings) -> Void = { _ in }) async throws {
        let path = folder.path
        try folder.write(
            "app.conf",
            "# edge\nupstream app {\n    zone app 64k;\n    server \(blueServer.address) max_fails=0;\n"
                + "    server \(greenServer.address) max_fails=0 down; # idle\n}\n"
        )
        try folder.write("nginx.conf", Self.main(path))
        let command = ["nginx", "-c", "\(path)/nginx.conf", "-e", "\(path)/error.log"]
        process = try LabProcess(command + ["-g", "daemon off;"])
        var settings = NginxSettings(
            file: "\(path)/app.conf",
            upstream: "app",
            test: command + ["-t"],
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: [blueServer.address]),
                EnvironmentSpec(name: green, url: "", servers: [greenServer.address]),
            ],
            service: "app"
        )
        change(&settings)
        self.settings = settings
        balancer = NginxBalancer(settings, timekeeper: LabClock())
        let door = door
        try await eventually("nginx answers") { !WebClient.get(door).isEmpty }
        // The kernel tells the start of a process in ticks of 10 ms: what is changed now must count as later.
        let (master, folder) = (process.id, folder)
        try await eventually("workers that are a tick old") {
            try? folder.write("tick", "")
            let now = (try? SafeFile.read("\(path)/tick"))?.modified ?? FileTime(nanoseconds: 0)
            return NginxMaster(master)?.activeWorkers().allSatisfy { $0.started.upperBound < now } ?? false
        }
    }

    /// Another process's view of the same balancer: it knows nothing of what this one staged.
    func successor(_ change: (inout NginxSettings) -> Void = { _ in }) -> NginxBalancer {
        var settings = settings
        change(&settings)
        return NginxBalancer(settings, timekeeper: LabClock())
    }

    func end() { process.end() }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    static func main(_ path: String, extra: String = "") -> String {
        """
        \(geteuid() == 0 ? "user root;" : "") worker_processes 2; pid \(path)/nginx.pid;
        error_log \(path)/error.log notice;
        events { worker_connections 512; }
        http {
          access_log off;
          client_body_temp_path \(path)/b; proxy_temp_path \(path)/p; fastcgi_temp_path \(path)/f;
          uwsgi_temp_path \(path)/u; scgi_temp_path \(path)/s;
          include \(path)/app.conf;
          server { listen unix:\(path)/door.sock; location / { proxy_pass http://app; } }
          \(extra)
        }

        """
    }
}
