@testable import BalancerLab
import ChildProcesses
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import RemoteHosts

/// What is true when the connection is lost or hangs.
@Suite(
    .enabled(if: hasSSH && isInstalled("nginx"), "openssh-server or nginx is not installed"),
    .timeLimit(.minutes(5))
)
struct RemoteLossTests {
    private func limits(_ seconds: Int64, opening: Int64 = 30) -> RemoteLimits {
        var limits = RemoteLimits()
        limits.looking = .seconds(seconds)
        limits.changing = .seconds(seconds)
        limits.opening = .seconds(opening)
        return limits
    }

    /// A reload that waits at a gate, and says that it has begun.
    private func gate(_ stand: NginxStand) -> [(String, Parameter)] {
        let path = stand.folder.path
        let script =
            "touch \(path)/begun; while [ -e \(path)/gate ]; do sleep 0.02; done; "
            + "kill -HUP $(cat \(path)/nginx.pid)"
        return [("reload", .list(["sh", "-c", script].map(Stands.text), position: .unknown))]
    }

    @Test func `a connection that is cut in the middle of a commit leaves the split unknown, then observed`()
        async throws
    {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let remote = try stand.remote(lab, try lab.kind("nginx"), more: gate(stand)).balancer
        let staged = try await remote.stage(try greenHas(100), token: firstToken)
        try stand.folder.write("gate", "")
        async let committed = failure { try await remote.commit(staged) }
        try await eventually("the reload begins") { access(stand.folder.path + "/begun", F_OK) == 0 }
        for process in lab.descendants() where ProcessList.command(of: process).hasPrefix("sshd") {
            kill(process, SIGKILL)
        }
        let error = await committed
        guard case .unknown(let text) = error else { return record(error) }
        #expect(text.contains("the connection to \(try lab.host()) was lost"), "\(text)")
        unlink(stand.folder.path + "/gate")
        // The new session begins when nothing of the old one can land any more.
        let seen = try await remote.observe()
        let shares = stand.shares()
        #expect(shares == [seen.split?.live == green ? "green" : "blue": 40], "\(seen), \(shares)")
        _ = try await remote.commit(try await remote.stage(try greenHas(0), token: firstToken))
        #expect(stand.shares() == ["blue": 40])
    }

    @Test func `a host process that was given up in a change is ended before the next begins`()
        async throws
    {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let kind = try lab.kind("nginx", limits: limits(20))
        let remote = try stand.remote(lab, kind, more: gate(stand)).balancer
        let staged = try await remote.stage(try greenHas(100), token: firstToken)
        try stand.folder.write("gate", "")
        let error = await failure { try await remote.commit(staged) }
        guard case .unknown(let text) = error else { return record(error) }
        #expect(text.contains("did not answer within 20s"), "\(text)")
        _ = await failure { try await remote.mark() }
        let living = lab.descendants().filter {
            ProcessList.command(of: $0).contains("balancer-host-fixture")
        }
        #expect(living.count <= 1, "\(living.map(ProcessList.command(of:)))")
        unlink(stand.folder.path + "/gate")
    }

    @Test(arguments: [true, false])
    func `a daemon that hangs is given up at the deadline, and nothing lands when it wakes`(
        _ isSharing: Bool
    )
        async throws
    {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let kind = try lab.kind("nginx", limits: limits(5), isSharing: isSharing)
        let remote = try stand.remote(lab, kind).balancer
        let before = stand.folder.text("app.conf")
        let staged = try await persistently { try await remote.stage(try greenHas(100), token: firstToken) }
        lab.signal(SIGSTOP)
        let error = await failure { try await remote.commit(staged) }
        guard case .unknown = error else { return record(error) }
        lab.signal(SIGCONT)
        #expect(try await persistently { try await remote.observe() }.split?.live == blue)
        #expect(stand.shares() == ["blue": 40])
        try await eventually("the staged text is put back") { stand.folder.text("app.conf") == before }
    }

    @Test func `a host that hangs is unreachable for whoever only looks`() async throws {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let kind = try lab.kind("nginx", limits: limits(4, opening: 12))
        let remote = try stand.remote(lab, kind).balancer
        // On a busy machine the first ones may be late, too.
        _ = try await persistently { try await remote.observe() }
        lab.signal(SIGSTOP)
        for part in ["did not answer within 4s", "\(try lab.host())"] {
            let error = await failure { try await remote.observe() }
            guard case .unreachable(let text) = error else { return record(error) }
            #expect(text.contains(part), "\(text)")
        }
        lab.signal(SIGCONT)
    }

    @Test func `a change that was staged over a lost connection is not committed over the next`() async throws
    {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let remote = try stand.remote(lab, try lab.kind("nginx")).balancer
        let before = stand.folder.text("app.conf")
        let staged = try await remote.stage(try greenHas(100), token: firstToken)
        for process in lab.descendants() { kill(process, SIGKILL) }
        try await eventually("the host's processes are gone") { lab.descendants().isEmpty }
        // The next call finds the connection lost at the latest.
        _ = try await persistently { try await remote.mark() }
        let error = await failure { try await remote.commit(staged) }
        guard case .unreachable(let text) = error else { return record(error) }
        #expect(text.contains("lost after the change was staged"), "\(text)")
        _ = try await remote.commit(try await remote.stage(try greenHas(0), token: firstToken))
        #expect(stand.folder.text("app.conf") == before)
        #expect(stand.shares() == ["blue": 40])
    }

    @Test func `a shared connection that hangs does not keep others away`() async throws {
        let (lab, stand) = (try await SSHLab(), try await NginxStand())
        let kind = try lab.kind("nginx", limits: limits(60, opening: 15))
        let first = try stand.remote(lab, kind).balancer
        _ = try await first.commit(try await first.stage(try greenHas(25), token: firstToken))
        let keepers = ProcessList.all().filter {
            let command = ProcessList.command(of: $0)
            return command.contains("[mux]") && command.contains(lab.folder.path)
        }
        #expect(keepers.count == 1)
        for keeper in keepers { kill(keeper, SIGSTOP) }
        let second = try stand.remote(lab, kind).balancer
        #expect(try await second.restore(by: Actor("ana"), reason: "bad").split?.live == blue)
        #expect(try await second.observe().split?.live == blue)
        for keeper in keepers { kill(keeper, SIGCONT) }
    }

    @Test(.enabled(if: LabNetwork.isAllowed, "this machine lets nobody make networks"))
    func `a cable that is pulled is noticed within seconds, and when it is back the world is as observed`()
        async throws
    {
        let network = try LabNetwork()
        let (lab, stand) = (try await SSHLab(network: network), try await NginxStand())
        let remote = try stand.remote(lab, try lab.kind("nginx")).balancer
        let staged = try await remote.stage(try greenHas(100), token: firstToken)
        try network.setCable(false)
        let began = MonotonicClock.milliseconds()
        let error = await failure { try await remote.commit(staged) }
        // The limit of a change is 90 s; the keep-alive of ssh finds the dead link in 9 to 12.
        #expect(MonotonicClock.milliseconds() - began < 60_000)
        guard case .unknown = error else { return record(error) }
        try network.setCable(true)
        var seen: BalancerObservation?
        for _ in 0..<20 where seen == nil { seen = try? await remote.observe() }
        #expect(seen?.split?.live == blue)
        #expect(stand.shares() == ["blue": 40])
    }
}
