@testable import BalancerLab
import BalancerFiles
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct ConnectionTests {
    @Test(arguments: NginxLieTests.modes)
    func `old workers are counted, and told of while they serve`(mode: NginxMode) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let held = (0..<5).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in held.dropFirst(2) { close(descriptor) } }
        try await connections(lab.balancer, blue, are: 5)
        try await lab.apply(try greenHas(100))
        try await connections(lab.balancer, blue, are: 5)
        #expect(try await lab.balancer.connections(to: green) == 0)
        let remark = try await lab.balancer.observe().remarks.first ?? ""
        #expect(remark.hasSuffix("connections from before the last reload: 5 to blue"))
        for descriptor in held.prefix(2) { close(descriptor) }
        try await connections(lab.balancer, blue, are: 3)
    }

    @Test func `connections of other programs to a server are not counted`() async throws {
        let lab = try await NginxLab()
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = lab.blueServer.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0)
        let server = [ServerAddress(lab.blueServer.address)]
        #expect(OpenConnections.count(to: server, of: nil) == 1)
        #expect(try await lab.balancer.connections(to: blue) == 0)
    }

    private func connections(
        _ balancer: NginxBalancer,
        _ name: EnvironmentName,
        are wanted: Int
    ) async throws {
        let end = MonotonicClock.milliseconds() + 60_000
        var seen = -1
        while seen != wanted {
            seen = try await balancer.connections(to: name)
            try #require(MonotonicClock.milliseconds() < end, "\(seen) connections instead of \(wanted)")
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
    }
}
