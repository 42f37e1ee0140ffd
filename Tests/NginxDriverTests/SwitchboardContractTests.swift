@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardContractTests {
    @Test func `keeps the contract of every load balancer`() async throws {
        let lab = try await SwitchboardLab.installed()
        let file = lab.file
        let contract = LoadBalancerContract(lab.balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
    }

    @Test func `keeps the contract when nginx is asked`() async throws {
        let lab = try await SwitchboardLab.installed(SwitchboardLab.Texts()) { settings in
            let folder = settings.file.replacing("/app.conf", with: "")
            settings.probe = "http://unix:\(folder)/door.sock:/.well-known/bgdeploy/app"
        }
        let file = lab.file
        let contract = LoadBalancerContract(lab.balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
    }

    @Test func `users get the shares that were asked for`() async throws {
        let lab = try await SwitchboardLab.installed()
        for share in [25, 1, 33, 100, 0] {
            #expect(try await lab.move(to: try greenHas(share)).split == (try greenHas(share)))
            let shares = lab.shares(of: 400)
            let seen = Double(shares["green", default: 0]) / 4
            // Every request draws anew: four standard deviations.
            let tolerance = 4 * (Double(share * (100 - share)) / 400).squareRoot()
            #expect(abs(seen - Double(share)) <= tolerance, "asked for \(share) %, seen \(shares)")
        }
    }
}
