@testable import BalancerLab
import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing

@testable import RemoteHosts

/// Balancers on several hosts, changed by the engine.
@Suite(
    .enabled(if: hasSSH && isInstalled("nginx") && isInstalled("haproxy"), "a program is not installed"),
    .timeLimit(.minutes(5))
)
struct RemoteFleetTests {
    private let first = FencingToken(epoch: 0, counter: 1)

    private func fleet(
        _ balancers: [any LoadBalancer],
        _ environments: [EnvironmentSpec],
        _ policy: UnreachablePolicy = .stop
    ) -> BalancerFleet {
        BalancerFleet(
            balancers,
            environments: environments,
            whenUnreachable: policy,
            probe: FakeProbe(),
            clock: LabClock()
        )
    }

    @Test func `two hosts switch together under requests, and none of them fails`() async throws {
        let (lab1, lab2) = (try await SSHLab(), try await SSHLab())
        let (nginx, haproxy) = (try await NginxStand(), try await HAProxyStand())
        let fleet = fleet(
            [
                try nginx.remote(lab1, try lab1.kind("nginx")).balancer,
                try haproxy.remote(lab2, try lab2.kind("haproxy")).balancer,
            ],
            nginx.environments
        )
        try await fleet.inspect()
        let doors = [nginx.door, haproxy.door]
        async let failures = BlockingWork.run {
            var failures = 0
            for _ in 0..<600 {
                for door in doors where WebClient.get(door).isEmpty { failures += 1 }
                MonotonicClock.pause(milliseconds: 2)
            }
            return failures
        }
        for share in [10, 50, 100, 0] { try await fleet.route(try greenHas(share), token: first) }
        try await fleet.route(try greenHas(100), token: first)
        #expect(nginx.shares() == ["green": 40] && haproxy.shares() == ["green": 40])
        #expect(try await fleet.agreedSplit().live == green)
        #expect(await failures == 0)
    }

    @Test func `in an emergency a host that hangs is named, and keeps no other from going back`() async throws
    {
        let (lab1, lab2) = (try await SSHLab(), try await SSHLab())
        let (nginx, haproxy) = (try await NginxStand(), try await HAProxyStand())
        var limits = RemoteLimits()
        limits.opening = .seconds(15)
        let fleet = fleet(
            [
                try nginx.remote(lab1, try lab1.kind("nginx", limits: limits)).balancer,
                try haproxy.remote(lab2, try lab2.kind("haproxy", limits: limits)).balancer,
            ],
            nginx.environments
        )
        try await fleet.route(try greenHas(100), token: first)
        lab1.signal(SIGSTOP)
        async let results = fleet.restore(by: Actor("ana"), reason: "bad")
        try await eventually("HAProxy is back while nginx's host hangs") {
            haproxy.shares(of: 5) == ["blue": 5]
        }
        let outcomes = await results
        lab1.signal(SIGCONT)
        #expect((try? outcomes[1].result.get())?.split?.live == blue)
        guard case .failure(.unreachable(let text)) = outcomes[0].result else {
            Issue.record("\(outcomes[0])")
            return
        }
        #expect(outcomes[0].name.hasSuffix(" on \(try lab1.host())"))
        #expect(text.contains("\(try lab1.host())"), "\(text)")
        // The script lies beside the balancer on its host, and needs nothing else.
        try SSHLab.run(["sh", nginx.folder.path + "/.bgdeploy/rollback-app.conf.app.sh"])
        try await eventually("nginx is back") { nginx.shares(of: 5) == ["blue": 5] }
    }

    @Test func `a host that is down leaves the others as they were`() async throws {
        let (lab1, lab2) = (try await SSHLab(), try await SSHLab())
        let (nginx, haproxy) = (try await NginxStand(), try await HAProxyStand())
        let balancers: [any LoadBalancer] = [
            try nginx.remote(lab1, try lab1.kind("nginx")).balancer,
            try haproxy.remote(lab2, try lab2.kind("haproxy")).balancer,
        ]
        lab1.signal(SIGKILL)
        try await eventually("sshd is gone") { lab1.descendants().isEmpty }
        let before = haproxy.folder.text("haproxy.cfg")
        let split = try greenHas(50)
        do throws(BalancerFleet.Failure) {
            try await fleet(balancers, nginx.environments).route(split, token: first)
            Issue.record("one alone was changed")
        } catch {
            #expect(error.traffic == .unchanged)
            let host = "\(try lab1.host())"
            #expect(error.reason.contains("\(host) cannot be reached"), "\(error.reason)")
        }
        #expect(haproxy.folder.text("haproxy.cfg") == before)
        #expect(haproxy.shares() == ["blue": 40])
        try await fleet(balancers, nginx.environments, .proceed).route(try greenHas(100), token: first)
        #expect(haproxy.shares() == ["green": 40])
    }
}
