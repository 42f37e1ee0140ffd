@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import RemoteHosts

/// Why a host is not spoken with, and that nothing happens then.
@Suite(
    .enabled(if: hasSSH && isInstalled("haproxy"), "openssh-server or haproxy is not installed"),
    .timeLimit(.minutes(5))
)
struct RemoteRefusalTests {
    @Test func `a changed host key stops everything, whatever the user's configuration says`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy")).balancer
        let known = try lab.expectOtherKey()
        for error in [
            await failure { try await remote.inspect() },
            await failure { try await remote.stage(try greenHas(25), token: firstToken) },
            await failure { try await remote.restore(by: Actor("ana"), reason: "bad") },
        ] {
            guard case .forbidden(let text) = error else {
                return record(error)
            }
            let host = "\(try lab.host())"
            #expect(text.contains("another host key") && text.contains(host), "\(text)")
            #expect(text.contains("\(lab.folder.path)/known_hosts:1"), "\(text)")
        }
        #expect(lab.folder.text("known_hosts") == known)
        #expect(!lab.folder.text("sshd.log").contains("Accepted"))
        #expect(access(stand.folder.path + "/.bgdeploy", F_OK) != 0)
    }

    @Test func `a host that nobody has seen is not trusted, and is not added`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy")).balancer
        try lab.folder.write("known_hosts", "")
        let error = await failure { try await remote.inspect() }
        guard case .misconfigured(let text) = error else { return record(error) }
        #expect(text.contains("no host key of \(try lab.host()) is known"), "\(text)")
        #expect(lab.folder.text("known_hosts").isEmpty)
    }

    @Test func `a key that the host does not take, and a host that is down, are told apart`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy")).balancer
        try lab.folder.write("authorized_keys", lab.folder.text("other.pub"))
        let denied = await failure { try await remote.inspect() }
        guard case .forbidden(let text) = denied else { return record(denied) }
        #expect(text.contains("does not let us in") && text.contains("publickey"), "\(text)")
        lab.signal(SIGKILL)
        try await eventually("sshd is gone") { kill(lab.id, 0) != 0 || lab.descendants().isEmpty }
        let down = await failure { try await remote.inspect() }
        guard case .unreachable(let words) = down else { return record(down) }
        #expect(words.contains("cannot be reached"), "\(words)")
    }

    @Test(arguments: [
        (["/nonexistent/bgdeploy", "balancer"], "there is no bgdeploy on"),
        (["echo", "Welcome!"], "something other than bgdeploy answered"),
        (["echo", #"{"bgdeploy":"9.0.0","language":99}"#], "bgdeploy 9.0.0 on"),
        (["sh", "-c", "echo boom >&2; exit 3"], "ended with status 3:\nboom"),
        (["sh", "-c", #"printf 'a\033[2Jb\n' >&2; exit 3"#], "a [2Jb"),
        (["sh", "-c", "head -c 20000000 /dev/zero; sleep 60"], "was given up"),
    ])
    func `what is not this bgdeploy is told, with what to do`(
        _ command: [String],
        _ part: String
    ) async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy", command: command)).balancer
        let error = await failure { try await remote.inspect() }
        #expect(error?.message.contains(part) == true, "\(String(describing: error))")
        #expect(error?.traffic == .unchanged)
        if part.contains("9.0.0") {
            #expect(error?.message.contains("bgdeploy 0.1.0 here") == true)
            #expect(error?.message.contains("install the same version on both") == true)
        }
    }

    @Test func `another version that speaks the same language works, and is told`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy", version: "0.2.0")).balancer
        let seen = try await remote.observe()
        #expect(seen.split?.live == blue)
        let host = try lab.host()
        #expect(seen.remarks == ["bgdeploy 0.1.0 runs on \(host), 0.2.0 here: install the same on both"])
    }

    @Test func `a forced command serves the balancer and takes no other command`() async throws {
        let lab = try await SSHLab(forced: "\(try SSHLab.fixture()) 0.1.0")
        let stand = try await HAProxyStand()
        let trace = lab.folder.path + "/trace"
        let remote = try stand.remote(lab, try lab.kind("haproxy", command: ["touch", trace])).balancer
        let staged = try await remote.stage(try greenHas(100), token: firstToken)
        #expect(try await remote.commit(staged).split?.live == green)
        #expect(stand.shares() == ["green": 40])
        #expect(access(trace, F_OK) != 0)
    }

    @Test func `a key for one file serves no other, and lets nobody name commands`() async throws {
        let stand = try await HAProxyStand()
        let test = ("test", Parameter.list([Stands.text("id")], position: .unknown))
        let both = "\(stand.file) \(stand.folder.path)/admin.sock"
        for (files, more, part) in [
            ("/etc/other.cfg", [], "good for /etc/other.cfg alone"),
            (stand.file, [], "and not for `socket`"),
            (both, [test], "take `test` out"),
            (both, [], nil),
        ] as [(String, [(String, Parameter)], String?)] {
            let lab = try await SSHLab(forced: "\(try SSHLab.fixture()) 0.1.0 \(files)")
            let remote = try stand.remote(lab, try lab.kind("haproxy"), more: more).balancer
            let error = await failure { try await remote.inspect() }
            let isExpected = part.map { error?.message.contains($0) == true } ?? (error == nil)
            #expect(isExpected, "\(String(describing: error))")
        }
    }

    @Test func `an old token is refused at the host`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy")).balancer
        let staged = try await remote.stage(try greenHas(25), token: firstToken)
        let high = FencingToken(epoch: 0, counter: 7)
        _ = try await stand.local().raiseMark(to: high)
        #expect(await failure { try await remote.commit(staged) } == .fenced(seen: high))
        let again = await failure { try await remote.stage(try greenHas(25), token: firstToken) }
        #expect(again == .fenced(seen: high))
        #expect(stand.shares() == ["blue": 40])
    }

    @Test func `what is installed is what the host itself would install, or nothing`() async throws {
        let (lab, stand) = (try await SSHLab(), try await HAProxyStand())
        let remote = try stand.remote(lab, try lab.kind("haproxy")).balancer
        let installation = try await remote.installation()
        #expect(installation.isComplete)
        try await remote.install(installation, token: firstToken)
        let path = lab.folder.path + "/planted"
        let planted = Installation(changes: [FileChange(path: path, before: [], after: [65])])
        let error = await failure { try await remote.install(planted, token: firstToken) }
        #expect(error?.message.contains("is not what was shown any more") == true)
        #expect(access(path, F_OK) != 0)
    }
}
