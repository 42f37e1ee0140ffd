@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct NginxContractTests {
    @Test func `keeps the contract of every load balancer`() async throws {
        let lab = try await NginxLab()
        let file = lab.file
        let contract = LoadBalancerContract(lab.balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
    }

    @Test func `users get the shares that were asked for`() async throws {
        let lab = try await NginxLab()
        for share in [25, 1, 33, 100, 0] {
            let staged = try await lab.balancer.stage(try greenHas(share), token: firstToken)
            #expect(try await lab.balancer.commit(staged).split == (try greenHas(share)))
            let shares = lab.shares(of: 200)
            let seen = Double(shares["green", default: 0]) / 2
            #expect(abs(seen - Double(share)) <= 1, "asked for \(share) %, seen \(shares)")
        }
    }

    @Test func `a change touches nothing but the words of the servers`() async throws {
        let lab = try await NginxLab()
        let before = lab.folder.text("app.conf")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(25), token: firstToken))
        let expected = before.replacing(
            "\(lab.blueServer.address) max_fails=0",
            with: "\(lab.blueServer.address) max_fails=0 weight=3"
        )
        .replacing("max_fails=0 down;", with: "max_fails=0;")
        #expect(lab.folder.text("app.conf") == expected)
    }

    @Test func `a link to the file stays a link`() async throws {
        let lab = try await NginxLab()
        #expect(symlink("app.conf", lab.folder.path + "/link.conf") == 0)
        let path = lab.folder.path + "/link.conf"
        let balancer = lab.successor { $0.file = path }
        _ = try await balancer.commit(try await balancer.stage(try greenHas(100), token: firstToken))
        #expect(ProcFile.link(path) == "app.conf")
        #expect(try await lab.balancer.observe().split?.live == green)
        #expect(lab.shares() == ["green": 40])
    }

    @Test func `nginx's own reload command, another one and the plain signal all work`() async throws {
        let lab = try await NginxLab()
        let own = Array(lab.settings.test.dropLast()) + ["-s", "reload"]
        let other = ["sh", "-c", "kill -HUP \(lab.master)"]
        for (share, command) in [(100, own), (0, other)] {
            let balancer = lab.successor { $0.reload = command }
            _ = try await balancer.commit(try await balancer.stage(try greenHas(share), token: firstToken))
            #expect(lab.shares() == [share == 0 ? "blue" : "green": 40])
        }
    }

    @Test func `two upstreams of one file change together, forward and back`() async throws {
        let lab = try await NginxLab()
        let text = lab.folder.text("app.conf")
        try lab.folder.write("app.conf", text + text.replacing("app", with: "other"))
        let pair = [lab.balancer, lab.successor { $0.upstream = "other" }]
        for (balancer, share) in [(pair[0], 0), (pair[1], 0)] {
            _ = try await balancer.commit(try await balancer.stage(try greenHas(share), token: firstToken))
        }
        var staged: [StagedSplit] = []
        for balancer in pair { staged.append(try await balancer.stage(try greenHas(25), token: firstToken)) }
        for (balancer, change) in zip(pair, staged) {
            #expect(try await balancer.commit(change).split == (try greenHas(25)))
        }
        for balancer in pair {
            #expect(try await balancer.restore(by: Actor("ana"), reason: "bad").split?.live == blue)
        }
        #expect(try await pair[0].observe().split?.live == blue)
    }

    @Test func `a lost pid file does not hide the master`() async throws {
        let lab = try await NginxLab()
        unlink(lab.folder.path + "/nginx.pid")
        #expect(try await lab.balancer.observe().split?.live == blue)
    }

    @Test func `open connections are counted by environment`() async throws {
        let lab = try await NginxLab()
        let held = (0..<3).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in held { close(descriptor) } }
        var seen = 0
        for _ in 0..<1000 where seen != 3 {
            seen = try await lab.balancer.connections(to: blue)
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
        #expect(seen == 3)
        #expect(try await lab.balancer.connections(to: green) == 0)
    }
}
