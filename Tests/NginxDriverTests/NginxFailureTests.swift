@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// What is true after nginx, the file or somebody else did not do as asked.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct NginxFailureTests {
    @Test func `an invalid configuration is refused with nginx's complaint`() async throws {
        let lab = try await NginxLab()
        let before = try SafeFile.read(lab.file)
        try lab.folder.write("nginx.conf", NginxLab.main(lab.folder.path) + "nonsense;\n")
        let staging = await failure { _ = try await lab.balancer.stage(try greenHas(100), token: firstToken) }
        guard case .rejected(let complaint) = staging else {
            Issue.record("\(String(describing: staging))"); return
        }
        #expect(complaint.contains("unknown directive \"nonsense\""))
        try await expectUntouched(lab, before)
        let inspection = await failure { try await lab.balancer.inspect() }
        #expect(inspection?.message.contains("unknown directive \"nonsense\"") == true)
        let mark = try await lab.balancer.mark()
        #expect(mark.stable == nil && mark.written == nil)
    }

    @Test func `an edit between stage and commit stays, and our part of it goes`() async throws {
        let lab = try await NginxLab()
        let original = lab.folder.text("app.conf")
        let staged = try await lab.balancer.stage(try greenHas(100), token: firstToken)
        try lab.folder.write("app.conf", lab.folder.text("app.conf") + "# hand edit\n")
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .drifted(let file, let diff) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(file.hasSuffix("app.conf"))
        #expect(diff.contains("+# hand edit"))
        #expect(lab.folder.text("app.conf") == original + "# hand edit\n")
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `an interrupted change is not taken for the truth, and can be finished or undone`()
        async throws
    {
        for finishes in [true, false] {
            let lab = try await NginxLab()
            let before = try SafeFile.read(lab.file).bytes
            _ = try await lab.balancer.stage(try greenHas(100), token: firstToken)
            let next = lab.successor()
            let seen = try await next.observe()
            #expect(seen.split?.live == blue)
            #expect(seen.fileSplit?.live == green)
            #expect(!seen.remarks.isEmpty)
            if finishes {
                let token = FencingToken(epoch: 0, counter: 2)
                let done = try await next.commit(try await next.stage(try greenHas(100), token: token))
                #expect(done.split?.live == green)
                #expect(done.remarks.isEmpty)
                #expect(try await next.mark().stable == blue)
                #expect(lab.shares() == ["green": 40])
            } else {
                let done = try await next.restore(by: Actor("ana"), reason: "crash")
                #expect(done.split?.live == blue)
                #expect(try SafeFile.read(lab.file).bytes == before)
            }
        }
    }

    @Test func `an emergency keeps what somebody edited meanwhile`() async throws {
        let lab = try await NginxLab()
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(25), token: firstToken))
        try lab.folder.write("app.conf", lab.folder.text("app.conf") + "# hand edit\n")
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split?.live == blue)
        #expect(lab.folder.text("app.conf").hasSuffix("# hand edit\n"))
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `an emergency uses the backup when the file cannot be understood`() async throws {
        let lab = try await NginxLab()
        let before = lab.folder.text("app.conf")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(100), token: firstToken))
        try lab.folder.write("app.conf", "upstream app { server")
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split?.live == blue)
        #expect(lab.folder.text("app.conf") == before)
    }

    @Test func `an emergency with nginx gone leaves the file on the stable environment`() async throws {
        let lab = try await NginxLab()
        let before = lab.folder.text("app.conf")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(100), token: firstToken))
        lab.end()
        let error = await failure { _ = try await lab.successor().restore(by: Actor("ana"), reason: "bad") }
        guard case .unknown(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("nginx is not running"))
        #expect(lab.folder.text("app.conf") == before)
    }

    @Test func `an emergency without a mark says how to go on`() async throws {
        let lab = try await NginxLab()
        let error = await failure { _ = try await lab.balancer.restore(by: Actor("ana"), reason: "bad") }
        #expect(error?.message.contains("bgdeploy traffic set") == true)
    }

    @Test(arguments: NginxLieTests.modes)
    func `the script beside the file brings the stable environment back alone`(
        mode: NginxMode
    ) async throws {
        let lab = try await NginxLab { $0.mode = mode }
        let before = lab.folder.text("app.conf")
        _ = try await lab.balancer.commit(try await lab.balancer.stage(try greenHas(30), token: firstToken))
        let script = try LabProcess(["sh", lab.folder.path + "/.bgdeploy/rollback-app.conf.app.sh"])
        var status: Int32 = -1
        waitpid(script.id, &status, 0)
        #expect(status == 0)
        #expect(lab.folder.text("app.conf") == before)
        let door = lab.door
        try await eventually("blue alone") { WebClient.shares(door, of: 20) == ["blue": 20] }
        #expect(try await lab.balancer.mark().token == FencingToken(epoch: 1, counter: 1))
    }

    @Test func `an edit by hand that was never loaded is remarked upon`() async throws {
        let lab = try await NginxLab()
        try lab.folder.write("app.conf", lab.folder.text("app.conf") + "# hand edit\n")
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue)
        #expect(seen.remarks.contains { $0.contains("changed after nginx last loaded it") })
    }

    @Test func `a master that is gone is unreachable, whatever the pid file says`() async throws {
        let lab = try await NginxLab()
        let stranger = try LabProcess(["sleep", "60"])
        let path = lab.folder.path
        let other = NginxLab.main(path).replacing("nginx.pid", with: "other.pid")
        try lab.folder.write("other.conf", other)
        try lab.folder.write("other.pid", "\(stranger.id)\n")
        let balancer = lab.successor { $0.test = ["nginx", "-c", "\(path)/other.conf", "-t"] }
        for error in [
            await failure { _ = try await balancer.observe() },
            await failure { _ = try await balancer.stage(try greenHas(100), token: firstToken) },
        ] {
            guard case .unreachable(let text) = error else {
                Issue.record("\(String(describing: error))"); return
            }
            #expect(text.contains("nginx is not running") && text.contains("start it with"))
        }
        #expect(kill(stranger.id, 0) == 0)
    }

    @Test func `commands that cannot run are told by their key`() async throws {
        let lab = try await NginxLab()
        let before = try SafeFile.read(lab.file)
        let testing = lab.successor { $0.test = ["no-such-nginx", "-c", "\(lab.folder.path)/nginx.conf"] }
        let first = await failure { _ = try await testing.stage(try greenHas(100), token: firstToken) }
        #expect(first?.message.contains("no-such-nginx: command not found") == true)
        #expect(first?.message.contains("key `test`") == true)
        try await expectUntouched(lab, before)
        let refusing = lab.successor {
            $0.reload = ["sh", "-c", "echo 'Operation not permitted' >&2; exit 1"]
        }
        let staged = try await refusing.stage(try greenHas(100), token: firstToken)
        guard case .forbidden = await failure({ _ = try await refusing.commit(staged) }) else {
            Issue.record("not told as forbidden")
            return
        }
        try await expectUntouched(lab, before)
    }

    @Test func `a file that no include reaches is refused`() async throws {
        let lab = try await NginxLab()
        try lab.folder.write("copy.conf", lab.folder.text("app.conf"))
        let balancer = lab.successor { $0.file = lab.folder.path + "/copy.conf" }
        let error = await failure { try await balancer.inspect() }
        #expect(error?.message.contains("no `include` reaches it") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a read-only folder is forbidden, and says so`() async throws {
        let lab = try await NginxLab()
        let mount = lab.folder.path + "/fixed"
        mkdir(mount, 0o755)
        for words in [["mount", "-t", "tmpfs", "none", mount], ["cp", lab.file, mount]] {
            waitpid(try LabProcess(words).id, nil, 0)
        }
        defer { umount2(mount, Int32(MNT_DETACH)) }
        waitpid(try LabProcess(["mount", "-o", "remount,ro", mount]).id, nil, 0)
        let balancer = lab.successor { $0.file = mount + "/app.conf" }
        for error in [
            await failure { try await balancer.inspect() },
            await failure { _ = try await balancer.stage(try greenHas(100), token: firstToken) },
        ] {
            guard case .forbidden(let text) = error else {
                Issue.record("\(String(describing: error))"); return
            }
            #expect(text.contains("read-only"))
        }
    }
}
