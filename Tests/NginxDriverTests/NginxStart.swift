@testable import BalancerLab
import DeployPorts
import Glibc
import SafeFile

@testable import NginxDriver

/// What every lab's nginx begins with.
enum NginxStart {
    static func command(_ path: String) -> [String] {
        ["nginx", "-c", "\(path)/nginx.conf", "-e", "\(path)/error.log"]
    }

    /// For the upstream `app` of `app.conf`.
    static func settings(_ path: String, blue blueServer: String, green greenServer: String) -> NginxSettings
    {
        var settings = NginxSettings(
            file: "\(path)/app.conf",
            upstream: "app",
            test: command(path) + ["-t"],
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: [blueServer]),
                EnvironmentSpec(name: green, url: "", servers: [greenServer]),
            ],
            service: "app"
        )
        // Patience for a machine that is busy; what is to fail in time says so.
        settings.reloadDeadline = 60_000
        return settings
    }

    /// The main configuration up to `http`.
    static func head(_ path: String) -> String {
        """
        \(geteuid() == 0 ? "user root;" : "") worker_processes 2; pid \(path)/nginx.pid;
        error_log \(path)/error.log notice;
        events { worker_connections 512; }

        """
    }

    /// What `http` begins with.
    static func paths(_ path: String) -> String {
        """
          access_log off;
          client_body_temp_path \(path)/b; proxy_temp_path \(path)/p; fastcgi_temp_path \(path)/f;
          uwsgi_temp_path \(path)/u; scgi_temp_path \(path)/s;

        """
    }

    /// Until it answers, and what is changed from now on counts as later than its workers: the kernel tells the
    /// start of a process in ticks of 10 ms.
    static func settle(_ master: pid_t, in folder: LabFolder) async throws {
        let door = folder.path + "/door.sock"
        try await eventually("nginx answers") { !SwitchboardClient.exchange(door, "/", []).isEmpty }
        try await eventually("workers that are a tick old") {
            try? folder.write("tick", "")
            let now = (try? SafeFile.read("\(folder.path)/tick"))?.modified ?? FileTime(nanoseconds: 0)
            let workers = NginxMaster(master)?.activeWorkers() ?? []
            return workers.count == 2 && workers.allSatisfy { $0.started.upperBound < now }
        }
    }
}
