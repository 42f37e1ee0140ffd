@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct ServedProbeTests {
    @Test func `an answer is proven by twelve in a row over 300 ms`() async throws {
        let server = WebBackend("blue")
        let probe = try #require(ServedProbe("http://\(server.address)/"))
        let start = MonotonicClock.milliseconds()
        #expect(await probe.proof(within: 60_000) { $0 == "blue" } == .proven)
        #expect(MonotonicClock.milliseconds() - start >= 300)
        guard case .unproven(let found) = await probe.proof(within: 2000, that: { $0 == "green" }) else {
            Issue.record("blue was taken for green")
            return
        }
        #expect(found.contains("\(probe.url) answers `blue`"))
    }

    @Test func `answers that change prove nothing`() async throws {
        let lab = try await NginxLab()
        try await lab.apply(try greenHas(10))
        let probe = try #require(ServedProbe("http://unix:\(lab.door):/"))
        // Blue answers nine in a row, never twelve.
        guard case .unproven = await probe.proof(within: 1500, that: { $0 == "blue" }) else {
            Issue.record("nine in a row were taken for a proof")
            return
        }
    }

    @Test func `silence is told with its reason`() async throws {
        let probe = try #require(ServedProbe("http://unix:/nonexistent.sock:/"))
        let verdict = await probe.proof(within: 100) { _ in true }
        guard case .unproven(let reason) = verdict else { Issue.record("\(verdict)"); return }
        #expect(reason.hasPrefix("http://unix:/nonexistent.sock:/: "))
    }

    @Test(arguments: [
        "", "127.0.0.1", "ftp://a/", "http://", "http:///x", "http://unix:/a", "http://unix:/a:b",
    ])
    func `what is no URL is refused`(text: String) {
        #expect(ServedProbe(text) == nil)
    }

    @Test func `a probe that answers no generation stops a change before it begins`() async throws {
        let lab = try await NginxLab.generated()
        let before = try SafeFile.read(lab.file)
        for target in ["/", "/missing", "/pool"] {
            let balancer = lab.successor { $0.probe = "http://unix:\(lab.door):\(target)" }
            let error = await failure { _ = try await balancer.stage(try greenHas(100), token: firstToken) }
            #expect(error?.message.contains("return 200 \"$app_generation\\n\"") == true)
        }
        try await expectUntouched(lab, before)
    }

    /// An nginx whose processes cannot be told to be its: as from outside a container.
    private func hidden(
        _ lab: NginxLab,
        reload: [String]?,
        _ change: (inout NginxSettings) -> Void = { _ in }
    ) throws -> NginxBalancer {
        let path = lab.folder.path
        let real = "nginx -c \(path)/nginx.conf -e \(path)/error.log"
        try lab.folder.write("inside.conf", "events {}\n")
        try lab.folder.write("inside", "#!/bin/sh\nfor last; do :; done\nexec \(real) \"$last\"\n")
        chmod("\(path)/inside", 0o755)
        return lab.successor {
            $0.test = ["\(path)/inside", "-c", "\(path)/inside.conf", "-t"]
            $0.pidFile = "\(path)/none.pid"
            $0.reload = reload
            $0.probe = lab.probeURL
            change(&$0)
        }
    }

    @Test func `the contract is kept where no master is visible`() async throws {
        let lab = try await NginxLab.generated()
        let balancer = try hidden(lab, reload: ["sh", "-c", "kill -HUP \(lab.master)"])
        #expect(try balancer.visibleMaster() == nil)
        let file = lab.file
        let contract = LoadBalancerContract(balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        // The count of connections comes last, and is the one thing that cannot be had from outside.
        let error = await failure { try await contract.check() }
        #expect(error?.message.contains("cannot be counted") == true, "\(String(describing: error))")
    }

    @Test func `a reload that does nothing is found out by the probe alone`() async throws {
        let lab = try await NginxLab.generated()
        let before = lab.folder.text("app.conf")
        let balancer = try hidden(lab, reload: ["true"]) { $0.reloadDeadline = 15_000 }
        let staged = try await balancer.stage(try greenHas(100), token: firstToken)
        let error = await failure { _ = try await balancer.commit(staged) }
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("blue=100,green=0"))
        #expect(lab.folder.text("app.conf") == before)
        #expect(try await balancer.observe().split?.live == blue)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a crashed change is told by the generation that is served`() async throws {
        let lab = try await NginxLab.generated()
        let reload = ["sh", "-c", "kill -HUP \(lab.master)"]
        _ = try await hidden(lab, reload: reload).stage(try greenHas(100), token: firstToken)
        let next = try hidden(lab, reload: reload)
        let seen = try await next.observe()
        #expect(seen.split?.live == blue && seen.fileSplit?.live == green && !seen.remarks.isEmpty)
        // Nothing but nginx's answer is left.
        unlink("\(lab.folder.path)/.bgdeploy/app.conf.app.staged")
        #expect(try await next.observe().split?.live == blue)
        #expect(try await next.restore(by: Actor("ana"), reason: "crash").split?.live == blue)
    }

    @Test func `without a reload command a hidden nginx is unreachable`() async throws {
        let lab = try await NginxLab.generated()
        let balancer = try hidden(lab, reload: nil)
        guard case .unreachable = await failure({ _ = try await balancer.observe() }) else {
            Issue.record("not told as unreachable")
            return
        }
    }

    @Test func `an emergency does without a probe that was silent before`() async throws {
        let lab = try await NginxLab.generated()
        try await lab.apply(try greenHas(25))
        let balancer = lab.successor { $0.probe = "http://unix:\(lab.folder.path)/none.sock:/" }
        let seen = try await balancer.restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split?.live == blue)
        #expect(seen.remarks.contains { $0.contains("does not answer its generation") })
        #expect(lab.shares() == ["blue": 40])
    }
}
