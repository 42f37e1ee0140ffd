@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// What is true after somebody else's hands, a crash, a full disk or an emergency.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardFailureTests {
    private func failure(_ body: () async throws -> Void) async -> LoadBalancerError? {
        do {
            try await body()
        } catch {
            return error as? LoadBalancerError
        }
        return nil
    }

    private func run(_ words: [String]) throws -> Int32 {
        let process = try LabProcess(words)
        var status: Int32 = 0
        waitpid(process.id, &status, 0)
        return status
    }

    @Test func `without the installation nothing is staged, and the weights are told`() async throws {
        let lab = try await SwitchboardLab()
        let before = lab.text("app.conf")
        let error = await failure { try await lab.move(to: try greenHas(25)) }
        guard case .misconfigured(let text) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(text.contains("bgdeploy traffic install"))
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue && seen.remarks.contains { $0.contains("not installed") })
        #expect(lab.text("app.conf") == before && lab.shares() == ["blue": 40])
    }

    @Test func `what was installed and taken out again is noticed`() async throws {
        let lab = try await SwitchboardLab()
        let (app, main) = (lab.text("app.conf"), lab.text("nginx.conf"))
        try await lab.install()
        try await lab.move(to: try greenHas(25))
        try lab.folder.write("app.conf", app)
        try lab.folder.write("nginx.conf", main)
        let next = lab.successor()
        for isReturn in [false, true] {
            let error = await failure {
                _ = try await next.stage(try greenHas(50), token: firstToken, isReturn: isReturn)
            }
            guard case .misconfigured = error else { Issue.record("\(String(describing: error))"); return }
        }
        // The emergency goes by the weights then, with a reload.
        #expect(try await next.restore(by: Actor("ana"), reason: "bad").split?.live == blue)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `an installation that nginx has not loaded does not count`() async throws {
        let lab = try await SwitchboardLab.installed()
        let http = lab.folder.path + "/.bgdeploy/app.conf.app.http.conf"
        try await eventually("a file that is younger than the workers") {
            _ = utimensat(AT_FDCWD, http, nil, 0)
            guard let workers = lab.master?.activeWorkers(), let stamp = FileStamp(http) else { return false }
            return workers.allSatisfy { $0.started.upperBound < stamp.modified }
        }
        let error = await failure { try await lab.move(to: try greenHas(25)) }
        guard case .misconfigured(let text) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(text.contains("not loaded"))
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a link that somebody moved is told, and so is an edited file of ours`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(25))
        try lab.board.turn(to: lab.balancer.set(allOn: green))
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == green)
        #expect(seen.fileSplit == (try greenHas(25)))
        #expect(seen.remarks.contains { $0.contains("cur says") })
        try lab.folder.write(
            ".bgdeploy/app.conf.app.server.conf",
            lab.text(".bgdeploy/app.conf.app.server.conf") + "# x\n"
        )
        #expect(try await lab.balancer.observe().remarks.contains { $0.contains("server.conf was changed") })
        let error = await failure { try await lab.move(to: try greenHas(50)) }
        guard case .misconfigured = error else { Issue.record("\(String(describing: error))"); return }
    }

    @Test func `a set that somebody emptied is told, and made anew`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(25))
        let set = try #require(lab.board.current)
        unlink("\(lab.board.folder)/sets/\(set.name)/green-or-blue/007")
        let seen = try await lab.balancer.observe()
        #expect(seen.split == nil && seen.remarks.contains { $0.contains("changed by somebody else") })
        #expect(try await lab.move(to: try greenHas(25)).split == (try greenHas(25)))
    }

    @Test func `without the link the weights count, and the next switch makes it anew`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(100))
        FolderList.remove(lab.board.folder)
        try await lab.reload()
        #expect(lab.shares() == ["green": 40])
        #expect(try await lab.balancer.observe().remarks.contains { $0.contains("missing") })
        try await lab.move(to: try greenHas(0), isReturn: true)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a switch that is begun and not finished never gives the candidate more`() async throws {
        let lab = try await SwitchboardLab.installed()
        let before = lab.text("app.conf")
        _ = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        #expect(lab.text("app.conf") == before && lab.shares() == ["blue": 40])
        let next = lab.successor()
        #expect(try await next.observe().remarks.isEmpty)
        _ = try await next.commit(try await next.stage(try greenHas(50), token: firstToken))
        // Killed between the two: the link is back, the weights are not yet.
        try lab.folder.write("app.conf", lab.text("app.conf"))
        try lab.board.turn(to: lab.balancer.set(allOn: blue))
        #expect(try await next.observe().split?.live == blue)
        #expect(try await lab.move(to: try greenHas(0), isReturn: true).remarks.isEmpty)
        #expect(lab.text("app.conf").contains("\(lab.greenServer.address) max_fails=0 down; # idle"))
    }

    @Test func `an edit between staging and committing stops the change and stays`() async throws {
        let lab = try await SwitchboardLab.installed()
        let staged = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        let edited = lab.text("app.conf").replacing("# edge", with: "# edge, edited")
        try lab.folder.write("app.conf", edited)
        let error = await failure { _ = try await lab.balancer.commit(staged) }
        guard case .drifted(_, let diff) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(diff.contains("edited") && lab.text("app.conf") == edited && lab.shares() == ["blue": 40])
        #expect(try await lab.balancer.mark().stable == nil)
    }

    @Test func `a link that cannot be written leaves everything as it was`() async throws {
        let lab = try await SwitchboardLab.installed()
        let before = try await lab.balancer.observe()
        let staged = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        let cur = lab.board.curPath
        unlink(cur)
        mkdir(cur, 0o755)
        try lab.folder.write("board/cur/x", "")
        #expect(await failure { _ = try await lab.balancer.commit(staged) } != nil)
        FolderList.remove(cur)
        try lab.board.turn(to: lab.balancer.set(allOn: blue))
        #expect(try await lab.balancer.observe() == before)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `weights that cannot be written stop a raise and not the way back`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(25))
        let raise = try await lab.balancer.stage(try greenHas(50), token: firstToken)
        // A mount point cannot be replaced.
        #expect(try run(["mount", "--bind", lab.file, lab.file]) == 0)
        defer { _ = try? run(["umount", "-l", lab.file]) }
        let error = await failure { _ = try await lab.balancer.commit(raise) }
        guard case .notInForce = error else { Issue.record("\(String(describing: error))"); return }
        let now = try await lab.balancer.observe()
        #expect(now.split == (try greenHas(25)))
        #expect(now.remarks.isEmpty)
        let back = try await lab.move(to: try greenHas(0), isReturn: true)
        #expect(back.split?.live == blue && back.remarks.count == 1)
        #expect(back.fileSplit == (try greenHas(25)))
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `the script alone brings the traffic back and fences`() async throws {
        let lab = try await SwitchboardLab.installed()
        let before = lab.text("app.conf")
        try await lab.move(to: try greenHas(25))
        try await lab.move(to: try greenHas(100))
        let script = lab.folder.path + "/.bgdeploy/rollback-app.conf.app.sh"
        for _ in 0..<2 {
            #expect(try run(["sh", script]) == 0)
            #expect(lab.shares() == ["blue": 40] && lab.text("app.conf") == before)
        }
        let seen = try await lab.successor().observe()
        #expect(seen.split?.live == blue && seen.remarks.isEmpty)
        let error = await failure { try await lab.move(to: try greenHas(100)) }
        #expect(error == .fenced(seen: FencingToken(epoch: 2, counter: 1)))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a full disk does not keep the traffic from going back`() async throws {
        let lab = try await SwitchboardLab.installed(SwitchboardLab.Texts(disk: 2048))
        try await lab.move(to: try greenHas(25))
        _ = try run(["dd", "if=/dev/zero", "of=\(lab.folder.path)/fill", "bs=1k"])
        #expect(throws: FileProblem.self) { try lab.folder.write("more", "more") }
        let token = try await lab.balancer.mark().token
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split?.live == blue && lab.shares() == ["blue": 40])
        #expect(try await lab.balancer.mark().token > token)
        let script = lab.folder.path + "/.bgdeploy/rollback-app.conf.app.sh"
        #expect(try run(["sh", script]) == 0)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `with nginx gone the way back is made ready for its start`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(100))
        lab.end()
        let error = await failure { _ = try await lab.balancer.restore(by: Actor("ana"), reason: "bad") }
        guard case .unknown(let text) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("back on blue 100 %"))
        #expect(lab.board.current == lab.balancer.set(allOn: blue))
    }

    @Test(.enabled(if: geteuid() == 0, "another user's worker needs root"))
    func `workers that may not look are found out before the switch`() async throws {
        let lab = try await SwitchboardLab(
            SwitchboardLab.Texts(main: { path in
                NginxStart.head(path).replacing("user root;", with: "user nobody nogroup;") + "http {\n"
                    + NginxStart.paths(path)
                    + "  include \(path)/app.conf;\n  server { listen unix:\(path)/door.sock;\n"
                    + "    location / { proxy_pass http://app; }\n  }\n}\n"
            })
        )
        try await lab.install()
        chmod(lab.board.folder, 0o700)
        let error = await failure { try await lab.move(to: try greenHas(100)) }
        guard case .misconfigured(let text) = error else {
            Issue.record("\(String(describing: error))"); return
        }
        #expect(text.contains("chmod +x \(lab.board.folder)"))
        chmod(lab.board.folder, 0o755)
        try await lab.move(to: try greenHas(100))
        #expect(lab.shares() == ["green": 40])
    }

    @Test func `a probe that sees another switchboard stops the raise and puts it back`() async throws {
        let place = "/.well-known/bgdeploy/app"
        let lab = try await SwitchboardLab.installed { settings in
            let folder = settings.file.replacing("/app.conf", with: "")
            settings.probe = "http://unix:\(folder)/door.sock:\(place)"
        }
        let next = lab.successor { $0.reloadDeadline = 700 }
        let staged = try await next.stage(try greenHas(50), token: firstToken)
        // As in a container that looks at another folder.
        let set = try #require(lab.board.current)
        try lab.folder.write("board/sets/0500-c2/.set", "\(set.name) elsewhere\n")
        let error = await failure { _ = try await next.commit(staged) }
        // Whoever looks while it is there is told.
        try lab.board.turn(to: try #require(BoardSet(named: "0500-c2")))
        #expect(try await lab.balancer.observe().split?.live == blue)
        #expect(try await lab.balancer.observe().remarks.contains { $0.contains("another switchboard") })
        try lab.board.turn(to: set)
        guard case .notInForce = error else { Issue.record("\(String(describing: error))"); return }
        #expect(lab.board.current == set && lab.shares() == ["blue": 40])
    }

    @Test func `two services in one file change side by side`() async throws {
        let lab = try await SwitchboardLab(
            SwitchboardLab.Texts(
                server:
                    "    location / { proxy_pass http://app; }\n    location /two { proxy_pass http://two; }\n",
                app: { blue, green in
                    ["app", "two"].map {
                        "upstream \($0) {\n    server \(blue);\n    server \(green) down;\n}\n"
                    }.joined()
                }
            )
        )
        let two = lab.successor { settings in
            (settings.upstream, settings.service) = ("two", "two")
            settings.directory = settings.directory.map { $0 + "-two" }
        }
        try await lab.install()
        try await two.install(try await two.installation(), token: .zero)
        let pair = [lab.balancer, two]
        for share in [25, 100, 0] {
            var staged: [StagedSplit] = []
            for one in pair { staged.append(try await one.stage(try greenHas(share), token: firstToken)) }
            for (one, change) in zip(pair, staged) {
                #expect(try await one.commit(change).split == (try greenHas(share)))
            }
        }
        for one in pair { #expect(try await one.observe().remarks.isEmpty) }
    }
}
