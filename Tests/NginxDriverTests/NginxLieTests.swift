@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// `nginx -t` and the reload both succeed, and nothing changes, or not what was asked for.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct NginxLieTests {
    static let modes = [NginxMode.weights, .generated]

    @Test(arguments: modes)
    func `a listen port that is taken is found out, and undone`(mode: NginxMode) async throws {
        let lab = try await NginxLab {
            $0.mode = mode; $0.reload = $0.test.dropLast() + ["-s", "reload"]
        }
        let before = try SafeFile.read(lab.file)
        let taken = WebBackend("other")
        try lab.folder.write("nginx.conf", lab.main(extra: "server { listen \(taken.address); }"))
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("[emerg]") && text.contains(taken.address))
        try await expectUntouched(lab, before)
        try lab.folder.write("nginx.conf", lab.main())
        #expect(try await lab.balancer.observe().split?.live == blue)
    }

    @Test(arguments: modes)
    func `a limit_req_zone whose key was changed is found out, and undone`(mode: NginxMode) async throws {
        let lab = try await NginxLab {
            $0.mode = mode; $0.reload = $0.test.dropLast() + ["-s", "reload"]
        }
        try lab.folder.write(
            "nginx.conf",
            lab.main(extra: "limit_req_zone $binary_remote_addr zone=z:1m rate=9r/s;")
        )
        try await lab.reload()
        let before = try SafeFile.read(lab.file)
        try lab.folder.write(
            "nginx.conf",
            lab.main(extra: "limit_req_zone $request_uri zone=z:1m rate=9r/s;")
        )
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("[emerg]") && text.contains("limit_req"))
        try await expectUntouched(lab, before)
    }

    @Test(arguments: modes)
    func `a stopped master is found out, and nothing lands when it goes on`(mode: NginxMode) async throws {
        let lab = try await NginxLab {
            $0.mode = mode; $0.reloadDeadline = 200
        }
        let before = try SafeFile.read(lab.file)
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        kill(lab.master, SIGSTOP)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("stopped"))
        let workers = NginxMaster(lab.master)?.activeWorkers() ?? []
        kill(lab.master, SIGCONT)
        try await eventually("the pending reload") {
            let now = NginxMaster(lab.master)?.activeWorkers() ?? []
            return now.count == 2 && now.isDisjoint(with: workers)
        }
        try await expectUntouched(lab, before)
    }

    @Test func `new workers that serve another text are found out, and undone`() async throws {
        let lab = try await NginxLab.generated { $0.reloadDeadline = 3000 }
        let before = try SafeFile.read(lab.file)
        let old = try #require(lab.balancer.generation(of: before.bytes, lab.file))
        // As if the probe's server were another nginx.
        let main = lab.main().replacing(
            "location = /pool",
            with: "location = /fixed { return 200 '\(old)'; } location = /pool"
        )
        try lab.folder.write("nginx.conf", main)
        try await lab.reload()
        let balancer = lab.successor { $0.probe = "http://unix:\(lab.door):/fixed" }
        let staged = try await balancer.stage(try greenHas(100), token: firstToken)
        let error = await failure { _ = try await balancer.commit(staged) }
        guard case .notInForce(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains(old))
        #expect(try SafeFile.read(lab.file).bytes == before.bytes)
        #expect(lab.shares() == ["blue": 40])
        #expect(try await balancer.observe().split?.live == blue)
    }
}

/// Somebody else's reload while a change is staged: the text on disk is loaded before its time.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct NginxRaceTests {
    private func expectBlue(_ lab: NginxLab, _ text: String) async throws {
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue)
        #expect(seen.remarks == [])
        #expect(lab.folder.text("app.conf") == text)
        #expect(lab.shares() == ["blue": 40])
        #expect(access("\(lab.folder.path)/.bgdeploy/app.conf.app.staged", F_OK) != 0)
    }

    @Test(arguments: NginxLieTests.modes)
    func `a staged text that was loaded is seen, and discard takes it back`(mode: NginxMode) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let before = lab.folder.text("app.conf")
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        #expect(try await lab.balancer.observe().split?.live == blue)
        try await lab.reload()
        #expect(try await lab.balancer.observe().split?.live == green)
        await lab.balancer.discard(staged)
        try await expectBlue(lab, before)
    }

    @Test(arguments: NginxLieTests.modes)
    func `a reload under way while a change is discarded leaves the old text in force`(
        mode: NginxMode
    ) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let before = lab.folder.text("app.conf")
        // What comes after our file takes nginx long to read, so that workers start late.
        let lines = (0..<200_000).map { "key\($0) \($0);\n" }.joined()
        try lab.folder.write("slow.conf", "map $arg_x $slow {\n\(lines)}\n")
        try lab.folder.write("nginx.conf", lab.main(extra: "include \(lab.folder.path)/slow.conf;"))
        try await lab.reload()
        for _ in 0..<3 {
            let workers = NginxMaster(lab.master)?.activeWorkers() ?? []
            let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
            kill(lab.master, SIGHUP)
            // Time for nginx to have read our file.
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 15) }
            await lab.balancer.discard(staged)
            try await eventually("the reload's end") {
                let now = NginxMaster(lab.master)?.activeWorkers() ?? []
                return now.count == 2 && now.isDisjoint(with: workers)
            }
            #expect(lab.folder.text("app.conf") == before)
            let seen = try await lab.balancer.observe()
            if seen.split == nil {
                // On a machine so slow that the discard was over first: said, and settled by the next change.
                #expect(seen.remarks.contains { $0.contains("is not known until the next change") })
                try await lab.apply(try greenHas(0))
            }
            try await expectBlue(lab, before)
        }
    }

    @Test func `workers of a time in which a change was taken back are in doubt until the next change`()
        async throws
    {
        let lab = try await NginxLab()
        let before = try SafeFile.read(lab.file)
        await lab.balancer.discard(try await lab.balancer.stage(try greenHas(100), token: firstToken))
        #expect(try await lab.balancer.observe().split?.live == blue)
        // As it looks when nginx had read the other text before it was taken back, on a machine of any speed.
        try Withdrawal(written: .now, loadTime: 60_000).note(try MarkedFile(lab.file, entry: "app"))
        try await lab.reload()
        let seen = try await lab.balancer.observe()
        #expect(seen.split == nil && seen.fileSplit?.live == blue && seen.remarks.count == 1)
        try await lab.apply(try greenHas(0))
        #expect(try SafeFile.read(lab.file).bytes == before.bytes)
        #expect(try await lab.balancer.observe().remarks == [])
    }

    @Test(arguments: NginxLieTests.modes)
    func `a staged text that was loaded can be committed`(mode: NginxMode) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        try await lab.reload()
        #expect(try await lab.balancer.commit(staged).split?.live == green)
        #expect(lab.shares() == ["green": 40])
        #expect(try await lab.balancer.mark().stable == blue)
    }

    @Test(arguments: NginxLieTests.modes)
    func `an edit and a reload before the commit end on the old split`(mode: NginxMode) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let before = lab.folder.text("app.conf")
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        try lab.folder.write("app.conf", lab.folder.text("app.conf") + "# hand edit\n")
        try await lab.reload()
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        #expect(error?.message.contains("+# hand edit") == true)
        #expect(error?.traffic == .unchanged)
        try await expectBlue(lab, mode == .weights ? before + "# hand edit\n" : before)
    }

    @Test func `an old text that nginx cannot load again is told as unknown, and observed`() async throws {
        let lab = try await NginxLab.generated { $0.reloadDeadline = 1000 }
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        try await lab.reload()
        let taken = WebBackend("other")
        try lab.folder.write("nginx.conf", lab.main(extra: "server { listen \(taken.address); }"))
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .unknown(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("did not load the old one again"))
        #expect(lab.shares() == ["green": 40])
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == green && seen.fileSplit?.live == blue)
    }
}
