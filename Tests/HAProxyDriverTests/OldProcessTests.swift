@testable import BalancerLab
import BalancerFiles
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

/// What processes from before a reload still have.
@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct OldProcessTests {
    @Test(arguments: [true, false])
    func `connections of old processes are counted, and told of`(
        hasMaster: Bool
    ) async throws {
        let lab = try await HAProxyLab(options: hasMaster ? ["-W"] : [])
        let first = (0..<3).map { _ in WebClient.open(lab.door, get: "/hold") }
        try await connections(lab, are: 3)
        try await reload(lab, hasMaster: hasMaster)
        let second = (0..<2).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in first + second { close(descriptor) } }
        try await connections(lab, are: 5)
        let remark = try await lab.balancer.observe().remarks.joined(separator: "\n")
        #expect(
            remark.contains("1 old process of HAProxy with connections from before a reload: 3 to blue"),
            "\(remark)"
        )
        try await reload(lab, hasMaster: hasMaster)
        try await connections(lab, are: 5)
        #expect(try await lab.balancer.connections(to: green) == 0)
        let both = try await lab.balancer.observe().remarks.joined(separator: "\n")
        #expect(both.contains("2 old processes") && both.contains("5 to blue"), "\(both)")
    }

    @Test func `a balancer that was never reloaded has no old process`() async throws {
        let lab = try await HAProxyLab(options: ["-W"])
        #expect(OldProcesses(besides: try await lab.process().id) == nil)
        // The test itself is no HAProxy.
        #expect(OldProcesses(besides: Int(getpid())) == nil)
    }

    @Test func `addresses are read as HAProxy writes them`() {
        #expect(OldProcesses.place("ipv4@127.0.0.1:80") == .network(host: "127.0.0.1", port: 80))
        #expect(OldProcesses.place("[::1]:8080") == .network(host: "::1", port: 8080))
        #expect(OldProcesses.place("app.example:1") == .network(host: "app.example", port: 1))
        for text in ["unix@/run/app.sock", "abns@x", "/run/app.sock", "app", "127.0.0.1:+1", ":80", ""] {
            #expect(OldProcesses.place(text) == nil, "\(text)")
        }
    }

    private func reload(_ lab: HAProxyLab, hasMaster: Bool) async throws {
        if hasMaster { try await lab.reload() } else { try await lab.replaceProcess() }
    }

    private func connections(_ lab: HAProxyLab, are wanted: Int) async throws {
        let end = MonotonicClock.milliseconds() + 60_000
        var seen = -1
        while seen != wanted {
            seen = (try? await lab.balancer.connections(to: blue)) ?? seen
            try #require(MonotonicClock.milliseconds() < end, "\(seen) connections instead of \(wanted)")
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
    }
}
