import SafeFile
import Testing
import ServiceLab

@testable import BalancerLab

/// A real nginx that answers every request itself and keeps a log of them.
final class WebLab: Sendable {
    let port: Int
    private let folder = LabFolder()
    private let process: LabProcess

    init() async throws {
        // Bound and let go: nginx cannot be asked for a port of its choice.
        port = try RawServer.deadPort()
        let path = folder.path
        try folder.write(
            "nginx.conf",
            """
            worker_processes 1; pid \(path)/nginx.pid; error_log \(path)/error.log;
            events { worker_connections 256; }
            http {
                log_format line $request; access_log \(path)/access.log line;
                client_body_temp_path \(path)/a; proxy_temp_path \(path)/b; fastcgi_temp_path \(path)/c;
                uwsgi_temp_path \(path)/d; scgi_temp_path \(path)/e;
                server { listen 127.0.0.1:\(port); location / { return 200 "hello"; } }
            }
            """
        )
        process = try LabProcess([
            "nginx", "-c", "\(path)/nginx.conf", "-e", "\(path)/error.log", "-g", "daemon off;",
        ])
        let folder = folder
        try await eventually("nginx runs") { !folder.text("nginx.pid").isEmpty }
    }

    /// How many requests began so.
    func count(_ start: String) -> Int {
        folder.text("access.log").split(separator: "\n").count { $0.hasPrefix(start) }
    }
}
