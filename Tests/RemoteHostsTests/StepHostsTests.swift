import DeployCore
import DeployOperations
import DeployTestKit
import Foundation
import SecureShell
import Testing

@testable import BalancerLab

/// Whether the hosts of a playbook's steps are there, before a run needs them.
@Suite(.enabled(if: hasSSH, "openssh-server is not installed"), .timeLimit(.minutes(5)))
struct StepHostsTests {
    private func complaints(_ lab: SSHLab) async throws -> [String] {
        let host = try lab.host()
        let playbook = """
            service: shop
            environments:
              blue: { url: "http://127.0.0.1:1", servers: ["127.0.0.1:1"] }
              green: { url: "http://127.0.0.1:2", servers: ["127.0.0.1:2"] }
            balancers:
              - nginx: /nowhere/shop.conf
                upstream: shop
            prepare:
              - run: [./deploy.sh]
                on: "ssh://\(host)"
              - run: [touch, "\(lab.folder.path)/trace"]
                on: "ssh://\(host)"
            """
        let service = try Service(
            text: Array(playbook.utf8),
            path: "/nowhere/shop.yml",
            clock: ManualClock()
        )
        return await StepHosts(client: lab.client()).complaints(of: service)
    }

    @Test func `one that lets us in is fine, and nothing is done there`() async throws {
        let lab = try await SSHLab()
        #expect(try await complaints(lab) == [])
        #expect(lab.folder.text("trace").isEmpty)
    }

    @Test func `one with another key is told, and once for all its steps`() async throws {
        let lab = try await SSHLab()
        try lab.expectOtherKey()
        let complaints = try await complaints(lab)
        #expect(complaints.count == 1 && complaints[0].contains("another host key"), "\(complaints)")
    }

    @Test func `one that is gone is told`() async throws {
        let lab = try await SSHLab()
        lab.signal(SIGKILL)
        try await eventually("sshd is gone") { kill(lab.id, 0) != 0 || lab.descendants().isEmpty }
        let complaints = try await complaints(lab)
        #expect(complaints.count == 1 && complaints[0].contains("cannot be reached"), "\(complaints)")
    }
}
