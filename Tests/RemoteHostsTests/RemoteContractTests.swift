@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing
import TrafficJudgement

@testable import RemoteHosts

let hasSSH = ["sshd", "ssh", "ssh-keygen"].allSatisfy(isInstalled)

@Suite(.enabled(if: hasSSH, "openssh-server is not installed"), .timeLimit(.minutes(5)))
struct RemoteContractTests {
    @Test(.enabled(if: isInstalled("nginx")))
    func `nginx on another host keeps the contract of every load balancer`() async throws {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        try await check(stand, lab)
    }

    @Test(.enabled(if: isInstalled("haproxy")))
    func `HAProxy on another host keeps the contract of every load balancer`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        try await check(stand, lab)
    }

    private func check(_ stand: some Stand, _ lab: SSHLab) async throws {
        let remote = try stand.remote(lab, try lab.kind(stand.kind)).balancer
        #expect(remote.name == "\(try stand.local().name) on \(try lab.host())")
        let file = stand.file
        let contract = LoadBalancerContract(remote, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
        #expect(access(stand.folder.path + "/.bgdeploy", F_OK) == 0, "nothing is beside the balancer")
    }

    @Test(.enabled(if: isInstalled("haproxy")))
    func `figures are read at the balancer's host`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let configured = try stand.remote(lab, try lab.kind("haproxy"))
        let source = try #require(configured.source)
        try await source.open()
        #expect(stand.shares(of: 30) == ["blue": 30])
        var count = 0
        for _ in 0..<200 where count < 30 {
            count += try await source.collect()[blue]?.requests ?? 0
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 20) }
        }
        #expect(count == 30)
        await source.close()
    }
}
