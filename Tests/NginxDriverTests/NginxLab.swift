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
        var settings = NginxStart.settings(path, blue: blueServer.address, green: greenServer.address)
        change(&settings)
        self.settings = settings
        if settings.mode == .generated {
            let text = try GeneratedText.bytes(for: Split(green, .zero, other: blue), settings)
            try folder.write("app.conf", String(decoding: text, as: UTF8.self))
        } else {
            try folder.write(
                "app.conf",
                "# edge\nupstream app {\n    zone app 64k;\n    server \(blueServer.address) max_fails=0;\n"
                    + "    server \(greenServer.address) max_fails=0 down; # idle\n}\n"
            )
        }
        try folder.write("nginx.conf", Self.main(path, mode: settings.mode))
        process = try LabProcess(NginxStart.command(path) + ["-g", "daemon off;"])
        balancer = NginxBalancer(settings, timekeeper: LabClock())
        try await NginxStart.settle(process.id, in: folder)
    }

    /// Another process's view of the same balancer: it knows nothing of what this one staged.
    func successor(_ change: (inout NginxSettings) -> Void = { _ in }) -> NginxBalancer {
        var settings = settings
        change(&settings)
        return NginxBalancer(settings, timekeeper: LabClock())
    }

    func end() { process.end() }

    /// The main configuration, with `extra` in `http`.
    func main(extra: String = "") -> String { Self.main(folder.path, mode: settings.mode, extra: extra) }

    /// Makes nginx load what is on disk, as somebody else would.
    func reload() async throws {
        let before = NginxMaster(master)?.activeWorkers() ?? []
        let master = master
        kill(master, SIGHUP)
        try await eventually("new workers alone") {
            let now = NginxMaster(master)?.activeWorkers() ?? []
            return now.count == 2 && now.isDisjoint(with: before)
        }
    }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    static func main(_ path: String, mode: NginxMode = .weights, extra: String = "") -> String {
        let isGenerated = mode == .generated
        let answers =
            "location = /generation { return 200 \"$app_generation\\n\"; } "
            + "location = /pool { return 200 $app_pool; }"
        return """
            \(NginxStart.head(path))http {
            \(NginxStart.paths(path))  proxy_read_timeout 600s;
              include \(path)/app.conf;
              server {
                listen unix:\(path)/door.sock;
                location / { proxy_pass http://\(isGenerated ? "$app_pool" : "app"); }
                \(isGenerated ? answers : "")
              }
              \(extra)
            }

            """
    }
}

/// What `body` failed with.
func failure(_ body: () async throws -> Void) async -> LoadBalancerError? {
    do {
        try await body()
    } catch {
        return error as? LoadBalancerError
    }
    return nil
}

/// Expects the file with its old time, and everybody on blue.
func expectUntouched(
    _ lab: NginxLab,
    _ before: FileContents,
    at place: SourceLocation = #_sourceLocation
) async throws {
    let after = try SafeFile.read(lab.file)
    #expect(after.bytes == before.bytes, sourceLocation: place)
    #expect(after.modified == before.modified, sourceLocation: place)
    #expect(lab.shares() == ["blue": 40], sourceLocation: place)
}
