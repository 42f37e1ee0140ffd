@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

/// Installing mode `map` on a running HAProxy, and what happens to it later.
@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct MapInstallTests {
    private let text = HAProxyLab.Text(
        frontend: """
            acl api path_beg /api
                use_backend other if api
                use_backend app if { path /a } or { path /b }
                default_backend app
            """
    )

    private func map(_ settings: inout HAProxySettings) {
        settings.mode = .map
        settings.sticky = .cookie("session")
        settings.chosenUsers = ChosenUsers(key: .cookie("user_id"), values: ["ana"])
    }

    private func failure(_ body: () async throws -> Void) async -> LoadBalancerError? {
        do {
            try await body()
        } catch {
            return error as? LoadBalancerError
        }
        return nil
    }

    @Test func `one reload puts it in, while the traffic stays as it is`() async throws {
        let lab = try await HAProxyLab(text, options: ["-W"], isInstalled: false, map)
        let weights = lab.successor { ($0.mode, $0.sticky, $0.chosenUsers) = (.weights, nil, nil) }
        _ = try await weights.commit(try await weights.stage(try greenHas(50), token: firstToken))
        let missing = await failure { _ = try await lab.balancer.observe() }
        #expect(missing?.message.contains("bgdeploy traffic install") == true)
        #expect(await failure { try await lab.balancer.inspect() } == missing)

        let old = try await lab.process()
        let before = lab.folder.text("haproxy.cfg")
        let wanted = try await lab.balancer.installation()
        #expect(wanted.changes.count == 4 && !wanted.isComplete)
        #expect(wanted.remarks.contains { $0.contains("SIGUSR2 to its master process") })
        #expect(lab.folder.text("haproxy.cfg") == before, "looking changed the file")
        let token = FencingToken(epoch: 0, counter: 7)
        try await lab.balancer.install(wanted, token: token)
        #expect(try await lab.process() != old)
        #expect(try await lab.balancer.installation() == Installation())
        let seen = try await lab.balancer.observe()
        #expect(seen.split == (try greenHas(50)) && seen.fileSplit == seen.split && seen.remarks.isEmpty)
        #expect(try await lab.balancer.mark().token == token)
        try await lab.balancer.inspect()

        let low = await failure { _ = try await lab.balancer.stage(try greenHas(100), token: firstToken) }
        #expect(low == .fenced(seen: token))
        try await lab.put(try greenHas(100), token)
        for target in ["/", "/a", "/b"] { #expect(WebClient.get(lab.door, target) == "green", "\(target)") }
        #expect(WebClient.get(lab.door, "/api") == "blue", "the other backend has its own")
        try await lab.put(try greenHas(0), token)
        for target in ["/", "/a", "/b"] { #expect(WebClient.get(lab.door, target) == "blue", "\(target)") }
    }

    @Test func `weights are refused where the frontends go by the map`() async throws {
        let lab = try await HAProxyLab { $0.mode = .map }
        let weights = lab.successor { $0.mode = .weights }
        let error = await failure { _ = try await weights.stage(try greenHas(50), token: firstToken) }
        let lines = lab.folder.text("haproxy.cfg").split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.contains("# bgdeploy app: begin") }) + 1
        #expect(error?.message.contains("haproxy.cfg:\(line): the frontends go by mode map") == true)
        #expect(await failure { _ = try await weights.observe() } == error)
    }

    @Test func `a HAProxy without Lua cannot keep users where they are`() async throws {
        let lab = try await HAProxyLab(isInstalled: false) { $0.mode = .map }
        let program = lab.folder.path + "/haproxy-plain"
        // Says whatever it is asked, and nothing of Lua.
        #expect(symlink("/bin/echo", program) == 0)
        let test = [program, "-c", "-f", lab.file]
        let sticky = lab.successor { ($0.test, $0.sticky) = (test, .address) }
        let error = await failure { _ = try await sticky.installation() }
        #expect(error?.message.contains("built without Lua") == true, "\(String(describing: error))")
        #expect(try await lab.successor { $0.test = test }.installation().isComplete == false)
    }

    @Test func `a command reloads where there is no master`() async throws {
        let lab = try await HAProxyLab(isInstalled: false) { $0.mode = .map }
        let wanted = try await lab.balancer.installation()
        #expect(wanted.remarks.contains { $0.contains("reload it yourself") })
        // Without a way to reload all is in place, and what is left to do is said.
        try await lab.balancer.install(wanted, token: firstToken)
        let rest = try await lab.balancer.installation()
        #expect(rest.isComplete && rest.remarks.contains { $0.contains("reload it") })
        let missing = await failure { _ = try await lab.balancer.stage(try greenHas(10), token: firstToken) }
        #expect(missing?.message.contains("reload HAProxy") == true)
        try await lab.replaceProcess()
        #expect(try await lab.balancer.installation() == Installation())
        #expect(try await lab.put(try greenHas(10)).split == (try greenHas(10)))
    }

    @Test func `a reload that brings nothing is taken back`() async throws {
        let lab = try await HAProxyLab(isInstalled: false) {
            $0.mode = .map
            $0.reload = ["sh", "-c", "echo no such unit; exit 5"]
        }
        let before = lab.folder.text("haproxy.cfg")
        let error = await failure {
            try await lab.balancer.install(try await lab.balancer.installation(), token: firstToken)
        }
        guard case .notInForce(let told) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(told.contains("no such unit"))
        #expect(lab.folder.text("haproxy.cfg") == before)
        let wanted = try await lab.balancer.installation()
        #expect(wanted.changes.count == 2, "the map's file is gone too")
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `an edit between showing and writing stops it`() async throws {
        let lab = try await HAProxyLab(isInstalled: false) { $0.mode = .map }
        let wanted = try await lab.balancer.installation()
        let edited = lab.folder.text("haproxy.cfg") + "# hand edit\n"
        try lab.folder.write("haproxy.cfg", edited)
        let error = await failure { try await lab.balancer.install(wanted, token: firstToken) }
        guard case .drifted(_, let diff) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(diff.contains("+# hand edit"))
        #expect(lab.folder.text("haproxy.cfg") == edited)
    }

    @Test func `a backend that changed since is told before a switch, and installed anew`() async throws {
        let lab = try await HAProxyLab(options: ["-W"]) { $0.mode = .map }
        try await lab.put(try greenHas(25))
        let edited = lab.folder.text("haproxy.cfg").replacing("balance roundrobin", with: "balance leastconn")
        let half = edited.replacing(
            "backend app_blue\n    balance leastconn",
            with: "backend app_blue\n    balance roundrobin"
        )
        try lab.folder.write("haproxy.cfg", half)
        let error = await failure { _ = try await lab.balancer.stage(try greenHas(50), token: firstToken) }
        #expect(error?.message.contains("was changed since: run `bgdeploy traffic install`") == true)
        let wanted = try await lab.balancer.installation()
        #expect(wanted.changes.map(\.path) == [lab.file])
        try await lab.balancer.install(wanted, token: firstToken)
        let seen = try await lab.balancer.observe()
        #expect(seen.split == (try greenHas(25)), "the split stays over the reload")
        #expect(lab.folder.text("haproxy.cfg").split(separator: "balance leastconn").count == 4)
        #expect(try await lab.put(try greenHas(50)).split == (try greenHas(50)))
    }

    @Test func `a map's file that somebody edited is told, and not overwritten within a change`() async throws
    {
        let lab = try await HAProxyLab { $0.mode = .map }
        let layout = try MapLayout(lab.settings, MarkedFile(lab.file, entry: "app"))
        let staged = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        try AtomicFile.replace(layout.sharePath, with: Array("green 990\n".utf8))
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue)
        #expect(seen.fileSplit == (try greenHas(99)))
        #expect(seen.remarks.contains { $0.contains("share.map asks for blue 1 %, green 99 %") })
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .drifted(let file, let diff) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(file == layout.sharePath && diff.contains("+green 990"))
        #expect(try await lab.balancer.observe().split?.live == blue)
        // The next change knows of it.
        let next = try await lab.put(try greenHas(50))
        #expect(next.split == (try greenHas(50)) && next.fileSplit == next.split)
    }

    @Test func `an emergency needs neither the configuration nor its backup`() async throws {
        let lab = try await HAProxyLab { $0.mode = .map }
        try await lab.put(try greenHas(50))
        try lab.folder.write("haproxy.cfg", "backend \"unclosed\n")
        try AtomicFile.remove(try MarkedFile(lab.file, entry: "app").previousPath)
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        // What runs is back, and the file, of which nothing is understood, stays with its owner.
        #expect(seen.split?.live == blue && seen.fileSplit?.live == blue)
        #expect(seen.remarks.contains { $0.contains("haproxy.cfg:1:9") }, "\(seen.remarks)")
        #expect(lab.shares() == ["blue": 40])
    }

    @Test(
        .enabled(if: isInstalled("socat"), "socat is not installed"),
        arguments: ["socat", "perl", "python3"]
    )
    func `the script beside the file brings the stable environment back alone`(_ speaker: String) async throws
    {
        let mode: HAProxyMode = speaker == "perl" ? .weights : .map
        let lab = try await HAProxyLab { $0.mode = mode }
        let before = lab.folder.text("haproxy.cfg")
        try await lab.put(try greenHas(30))
        // Nothing but the shell's own tools and one that can speak to a socket.
        let tools = lab.folder.path + "/tools"
        mkdir(tools, 0o755)
        for tool in ["sed", "head", "mv", "cp", "cat", "rm", "tr", "flock", "sh", speaker] {
            for folder in ["/usr/bin", "/bin"] where access("\(folder)/\(tool)", X_OK) == 0 {
                symlink("\(folder)/\(tool)", "\(tools)/\(tool)")
            }
        }
        let script = lab.folder.path + "/.bgdeploy/rollback-haproxy.cfg.app.sh"
        #expect(try HAProxyLab.run(["/usr/bin/env", "PATH=\(tools)", "/bin/sh", script]) == 0)
        #expect(lab.folder.text("haproxy.cfg") == before)
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue && seen.fileSplit?.live == blue && seen.remarks.isEmpty)
        #expect(lab.shares() == ["blue": 40])
        #expect(try await lab.balancer.mark().token == FencingToken(epoch: 1, counter: 1))
    }
}
