@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing
import UnixSocket

@testable import HAProxyDriver

/// A real HAProxy in a folder of its own, before two environments; everything is on blue.
final class HAProxyLab: Sendable {
    let folder = LabFolder()
    let blueServer = WebBackend("blue")
    let greenServer = WebBackend("green")
    let balancer: HAProxyBalancer
    let settings: HAProxySettings
    private let process: LabProcess

    var door: String { folder.path + "/door.sock" }
    var file: String { folder.path + "/haproxy.cfg" }

    init(_ change: (inout HAProxySettings) -> Void = { _ in }) async throws {
        let path = folder.path
        try folder.write(
            "haproxy.cfg",
            """
            global
                stats socket \(path)/admin.sock mode 600 level admin
                stats socket \(path)/operator.sock mode 600 level operator

            defaults
                mode http
                timeout connect 2s
                timeout client 60s
                timeout server 60s

            frontend www   # the door
                bind unix@\(path)/door.sock
                default_backend app

            backend app
                balance roundrobin
                server blue1 \(blueServer.address) weight 100
                server green1 \(greenServer.address) weight 0   # idle

            backend other
                server blue1 \(blueServer.address)
                server green1 \(greenServer.address) weight 0

            """
        )
        process = try LabProcess(["haproxy", "-db", "-q", "-f", "\(path)/haproxy.cfg"])
        var settings = HAProxySettings(
            file: "\(path)/haproxy.cfg",
            backend: "app",
            socket: "\(path)/admin.sock",
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: [blueServer.address]),
                EnvironmentSpec(name: green, url: "", servers: [greenServer.address]),
            ],
            service: "app"
        )
        change(&settings)
        self.settings = settings
        balancer = HAProxyBalancer(settings, timekeeper: LabClock())
        let door = door
        try await eventually("HAProxy answers") { WebClient.get(door) == "blue" }
    }

    /// Another process's view of the same balancer: it knows nothing of what this one staged.
    func successor(_ change: (inout HAProxySettings) -> Void = { _ in }) -> HAProxyBalancer {
        var settings = settings
        change(&settings)
        return HAProxyBalancer(settings, timekeeper: LabClock())
    }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    @discardableResult
    func tell(_ command: String) async throws -> String {
        try await UnixSocket.exchange(command + "\n", at: folder.path + "/admin.sock", within: 5000)
    }

    func kill() { process.end() }
}
