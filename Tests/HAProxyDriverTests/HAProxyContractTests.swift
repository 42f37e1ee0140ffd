@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct HAProxyContractTests {
    private func failure(_ body: () async throws -> Void) async -> LoadBalancerError? {
        do {
            try await body()
        } catch {
            return error as? LoadBalancerError
        }
        return nil
    }

    @Test func `keeps the contract of every load balancer`() async throws {
        let lab = try await HAProxyLab()
        let file = lab.file
        let contract = LoadBalancerContract(lab.balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
    }

    @Test func `users get the shares that were asked for, by the same process`() async throws {
        let lab = try await HAProxyLab()
        let process = try await lab.process()
        for share in [25, 1, 33, 100, 0] {
            let staged = try await lab.balancer.stage(try greenHas(share), token: firstToken)
            #expect(try await lab.balancer.commit(staged).split == (try greenHas(share)))
            // HAProxy's round robin ends the cycle that it is in: at most as many requests as the old weights.
            _ = lab.shares(of: 101)
            let shares = lab.shares(of: 200)
            #expect(
                abs(Double(shares["green", default: 0]) / 2 - Double(share)) <= 1,
                "asked for \(share) %, seen \(shares)"
            )
        }
        #expect(try await lab.process() == process)
    }

    @Test func `sessions are counted by environment`() async throws {
        let lab = try await HAProxyLab()
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

    @Test func `what an environment still has is closed, and counted`() async throws {
        let lab = try await HAProxyLab()
        let held = (0..<3).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in held { close(descriptor) } }
        var seen = 0
        for _ in 0..<2000 where seen != 3 {
            seen = try await lab.balancer.connections(to: blue)
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
        try await lab.put(try greenHas(100))
        #expect(try await lab.balancer.closeConnections(to: green) == 0)
        #expect(try await lab.balancer.connections(to: blue) == 3)
        #expect(try await lab.balancer.closeConnections(to: blue) == 3)
        #expect(try await lab.balancer.connections(to: blue) == 0)
        for descriptor in held {
            // The client sees the end of its answer.
            var bytes = [UInt8](repeating: 0, count: 4096)
            var count = 1
            while count > 0 { count = read(descriptor, &bytes, bytes.count) }
            #expect(count == 0)
        }
        let operated = lab.successor { $0.socket = lab.folder.path + "/operator.sock" }
        guard case .forbidden = await failure({ _ = try await operated.closeConnections(to: blue) }) else {
            Issue.record("closed without the right to")
            return
        }
    }

    @Test func `a static algorithm is told to take no weights while it runs`() async throws {
        let lab = try await HAProxyLab(.init(backend: "balance source"))
        let divided = await failure { _ = try await lab.balancer.stage(try greenHas(25), token: firstToken) }
        #expect(divided?.message.contains("`balance source` does not follow weights") == true)
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        #expect(error?.message.contains("hash-type consistent") == true, "\(String(describing: error))")
        #expect(try await lab.balancer.observe().split?.live == blue)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test(
        .enabled(if: geteuid() == 0 && isInstalled("socat"), "mounting needs root, the script socat"),
        arguments: [HAProxyMode.weights, .map]
    )
    func `a full disk does not keep the traffic from going back`(_ mode: HAProxyMode) async throws {
        for isScript in [false, true] {
            let lab = try await HAProxyLab { $0.mode = mode }
            try await lab.put(try greenHas(50))
            let side = lab.folder.path + "/.bgdeploy"
            for line in [
                "cp -a \(side) \(side).kept", "mount -t tmpfs -o size=128k,mode=700 tmpfs \(side)",
                "cp -a \(side).kept/. \(side)",
                "dd if=/dev/zero of=\(side)/full bs=1k count=256 || true",
            ] {
                try #require(try HAProxyLab.run(["sh", "-c", line]) == 0, "\(line)")
            }
            defer { umount2(side, Int32(MNT_DETACH)) }
            if isScript {
                #expect(try HAProxyLab.run(["sh", side + "/rollback-haproxy.cfg.app.sh"]) == 0)
            } else {
                let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
                #expect(seen.split?.live == blue)
                #expect(seen.remarks.allSatisfy { !$0.contains("was not raised") }, "\(seen.remarks)")
            }
            #expect(lab.shares() == ["blue": 40])
            // Whoever was under way is fenced.
            await #expect(throws: LoadBalancerError.self) { try await lab.put(try greenHas(50)) }
        }
    }

    @Test func `two backends of one file change together, forward and back`() async throws {
        let lab = try await HAProxyLab()
        let pair = [lab.balancer, lab.successor { $0.backend = "other" }]
        var staged: [StagedSplit] = []
        for balancer in pair { staged.append(try await balancer.stage(try greenHas(25), token: firstToken)) }
        for (balancer, change) in zip(pair, staged) {
            let seen = try await balancer.commit(change)
            #expect(seen.split == (try greenHas(25)))
            #expect(seen.fileSplit == (try greenHas(25)))
        }
        for balancer in pair {
            #expect(try await balancer.restore(by: Actor("ana"), reason: "bad").fileSplit?.live == blue)
        }
        let seen = try await pair[0].observe()
        #expect(seen.split?.live == blue && seen.fileSplit?.live == blue)
    }

    @Test func `what somebody set at the socket is seen, and the file's difference told`() async throws {
        let lab = try await HAProxyLab()
        try await lab.tell("set server app/blue1 weight 0;set server app/green1 weight 1")
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == green)
        #expect(seen.fileSplit?.live == blue)
        #expect(seen.remarks.contains { $0.contains("next reload") })
    }

    @Test func `an edit between stage and commit stays, and nothing is switched`() async throws {
        let lab = try await HAProxyLab()
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        let edited = lab.folder.text("haproxy.cfg") + "# hand edit\n"
        try lab.folder.write("haproxy.cfg", edited)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .drifted(_, let diff) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(diff.contains("+# hand edit"))
        #expect(lab.folder.text("haproxy.cfg") == edited)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a text that HAProxy refuses is told with its complaint`() async throws {
        let lab = try await HAProxyLab()
        let broken = lab.folder.text("haproxy.cfg").replacing("timeout connect", with: "timeout conect")
        try lab.folder.write("haproxy.cfg", broken)
        let staging = await failure { _ = try await lab.balancer.stage(try greenHas(100), token: firstToken) }
        guard case .rejected(let complaint) = staging else {
            Issue.record("\(String(describing: staging))"); return
        }
        #expect(complaint.contains("conect") && complaint.contains(lab.file))
        #expect(await failure { try await lab.balancer.inspect() }?.message.contains("conect") == true)
        #expect(lab.folder.text("haproxy.cfg") == broken)
        #expect(try await lab.balancer.mark().stable == nil)
    }

    @Test func `a socket without the right to set weights is forbidden, with the way to mend it`()
        async throws
    {
        let lab = try await HAProxyLab()
        let balancer = lab.successor { $0.socket = lab.folder.path + "/operator.sock" }
        for error in [
            await failure { try await balancer.inspect() },
            await failure { _ = try await balancer.stage(try greenHas(100), token: firstToken) },
        ] {
            guard case .forbidden(let text) = error else {
                Issue.record("\(String(describing: error))"); return
            }
            #expect(text.contains("level operator") && text.contains("level admin"))
        }
    }

    @Test func `a server in maintenance or drain is told before traffic is sent to it`() async throws {
        let lab = try await HAProxyLab()
        for state in ["maint", "drain"] {
            try await lab.tell("set server app/green1 state \(state)")
            let error = await failure {
                _ = try await lab.balancer.stage(try greenHas(25), token: firstToken)
            }
            #expect(error?.message.contains("set server app/green1 state ready") == true)
            try await lab.tell("set server app/green1 state ready")
        }
    }

    @Test func `an emergency with HAProxy gone leaves the file on the stable environment`() async throws {
        let lab = try await HAProxyLab()
        let before = lab.folder.text("haproxy.cfg")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(100), token: firstToken))
        lab.kill()
        guard case .unreachable = await failure({ _ = try await lab.balancer.observe() }) else {
            Issue.record("a dead HAProxy was observed")
            return
        }
        let error = await failure { _ = try await lab.successor().restore(by: Actor("ana"), reason: "bad") }
        guard case .unknown(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("files ask for the stable environment"))
        #expect(lab.folder.text("haproxy.cfg") == before)
    }

    @Test(.enabled(if: isInstalled("socat"), "socat is not installed"))
    func `the script beside the file brings the stable environment back alone`() async throws {
        let lab = try await HAProxyLab()
        let before = lab.folder.text("haproxy.cfg")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(30), token: firstToken))
        let script = try LabProcess(["sh", lab.folder.path + "/.bgdeploy/rollback-haproxy.cfg.app.sh"])
        var status: Int32 = -1
        waitpid(script.id, &status, 0)
        #expect(status == 0)
        #expect(lab.folder.text("haproxy.cfg") == before)
        #expect(try await lab.balancer.observe().split?.live == blue)
        #expect(try await lab.balancer.mark().token == FencingToken(epoch: 1, counter: 1))
    }

    @Test func `an emergency keeps what somebody edited meanwhile`() async throws {
        let lab = try await HAProxyLab()
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(25), token: firstToken))
        try lab.folder.write("haproxy.cfg", lab.folder.text("haproxy.cfg") + "# hand edit\n")
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split?.live == blue)
        #expect(seen.fileSplit?.live == blue)
        #expect(lab.folder.text("haproxy.cfg").hasSuffix("# hand edit\n"))
        #expect(lab.shares() == ["blue": 40])
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `when the file cannot be written the running weights go back`() async throws {
        let lab = try await HAProxyLab()
        let staged = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        // The running weights come first for a rising candidate, so the file fails after them.
        let folder = lab.folder.path
        try HAProxyLab.run(["mount", "--bind", lab.file, lab.file])
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        umount2(folder + "/haproxy.cfg", Int32(MNT_DETACH))
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("mount point"))
        #expect(try await lab.balancer.observe().split?.live == blue)
        #expect(lab.shares() == ["blue": 40])
    }
}
