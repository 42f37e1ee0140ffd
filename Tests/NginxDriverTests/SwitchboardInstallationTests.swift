@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// Putting the switchboard into configurations of all sorts.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardInstallationTests {
    private typealias Texts = SwitchboardLab.Texts

    private func complaint(_ texts: SwitchboardLab.Texts) async throws -> String {
        let lab = try await SwitchboardLab(texts)
        let before = [lab.text("app.conf"), lab.text("nginx.conf")]
        do {
            _ = try await lab.balancer.installation()
            return "no complaint"
        } catch LoadBalancerError.misconfigured(let text) {
            #expect([lab.text("app.conf"), lab.text("nginx.conf")] == before)
            return text
        }
    }

    @Test func `adds what it says it adds, and nothing moves`() async throws {
        let lab = try await SwitchboardLab()
        let (app, main) = (lab.text("app.conf"), lab.text("nginx.conf"))
        let installation = try await lab.balancer.installation()
        let path = lab.folder.path
        #expect(
            installation.changes.map(\.path) == [
                "\(path)/.bgdeploy/app.conf.app.http.conf", "\(path)/.bgdeploy/app.conf.app.server.conf",
                "\(path)/app.conf", "\(path)/nginx.conf",
            ]
        )
        #expect(lab.text("app.conf") == app && lab.text("nginx.conf") == main)
        try await lab.balancer.install(installation, token: .zero)
        #expect(
            lab.text("app.conf")
                == app.replacing(
                    "upstream app",
                    with: "include \(path)/.bgdeploy/app.conf.app.http.conf;\nupstream app"
                )
        )
        let expected = main.replacing(
            "  server {\n",
            with: "  server {\n    include \(path)/.bgdeploy/app.conf.app.server.conf;\n"
        )
        .replacing(
            "proxy_pass http://app; }",
            with:
                "proxy_pass http://$bgdeploy_app_pool; proxy_set_header Host app; proxy_redirect http://app/ /; }"
        )
        #expect(lab.text("nginx.conf") == expected)
        let seen = try await lab.balancer.observe()
        #expect(seen.split?.live == blue && seen.fileSplit?.live == blue && seen.remarks.isEmpty)
        #expect(try await lab.balancer.mark() == .none)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `twice is as once`() async throws {
        let lab = try await SwitchboardLab.installed()
        #expect(try await lab.balancer.installation().isComplete)
        for share in [25, 100, 37] {
            try await lab.move(to: try greenHas(share))
            #expect(try await lab.successor().installation().isComplete, "at \(share) %")
        }
    }

    @Test func `a stable environment never falls back to a candidate`() async throws {
        let lab = try await SwitchboardLab()
        try await lab.install()
        let text = lab.text(".bgdeploy/app.conf.app.http.conf")
        let pools = text.split(separator: "upstream ").dropFirst()
        #expect(pools.map { $0.contains("backup") } == [false, true, false, true])
        try await lab.move(to: try greenHas(50))
        #expect(lab.board.current?.candidate == 1)
        #expect(access("\(lab.board.curPath)/blue", F_OK) == 0)
        #expect(access("\(lab.board.curPath)/green-or-blue/000", F_OK) == 0)
    }

    @Test func `a divided upstream stays divided`() async throws {
        let lab = try await SwitchboardLab(
            Texts(app: { blue, green in "upstream app { server \(blue) weight=3; server \(green); }\n" })
        )
        try await lab.install()
        let seen = try await lab.balancer.observe()
        #expect(seen.split == (try greenHas(25)))
        #expect(seen.remarks.isEmpty)
    }

    /// Two servers of which locations pass to the upstream, one of which none does, and CRLF.
    private static func oddMain(_ path: String) -> String {
        let server = """
            listen unix:PATH/door.sock; # the door
                include PATH/snippets/*.inc;
                location / { include PATH/headers; proxy_pass http://app; }
                location ~ ^/x { proxy_pass "http://APP"; proxy_redirect off; }
                location @named { proxy_pass http://app; }
                location /outer {
                    location /outer/inner {proxy_pass http://app;} if ($arg_a) { proxy_pass http://other; }
                }

            """
        let text =
            NginxStart.head(path) + "http {\n" + NginxStart.paths(path)
            + "open_file_cache max=100;\nproxy_set_header X-Outer yes;\ninclude sites/*;\n"
            + "upstream other { server 127.0.0.1:9; }\nserver {\(server)}\n"
            + "server { listen unix:PATH/b.sock; location = /b { proxy_pass http://app; } }\n"
            + "server { listen unix:PATH/c.sock; return 204; } }\n"
        return text.replacing("PATH", with: path).replacing("\n", with: "\r\n")
    }

    @Test func `several servers, locations, includes and CRLF`() async throws {
        let snippet = "location /a {\n\tproxy_pass http://app;\n}\n"
        let lab = try await SwitchboardLab(
            Texts(
                main: Self.oddMain,
                others: [
                    "snippets/a.inc": snippet,
                    "headers": "proxy_set_header Host $host;\n",
                    "sites/x": "include @/app.conf;\n",
                ]
            )
        ) { $0.sticky = .cookie("session") }
        let main = lab.text("nginx.conf")
        try await lab.install()
        #expect(try await lab.balancer.installation().isComplete)
        let text = lab.text("nginx.conf")
        #expect(!text.contains("http://app;") && !text.replacing("\r\n", with: "").contains("\n"))
        let added =
            "\n\tproxy_set_header X-Outer yes;\n\tproxy_set_header Host app;\n\tproxy_redirect http://app/ /;\n"
        #expect(
            lab.text("snippets/a.inc") == snippet.replacing("app;\n", with: "$bgdeploy_app_pool;" + added)
        )
        #expect(text.count(where: { $0 == "{" }) == main.count(where: { $0 == "{" }))
        #expect(text.components(of: "server.conf;") == 2 && text.components(of: "open_file_cache off;") == 2)
        for (share, name) in [(100, "green"), (0, "blue")] {
            try await lab.move(to: try greenHas(share))
            for target in ["/", "/a", "/x", "/outer/inner"] {
                #expect(WebClient.get(lab.door, target) == name, "\(target)")
            }
            #expect(WebClient.get(lab.folder.path + "/b.sock", "/b") == name)
        }
    }

    @Test func `the Host and the redirects that the servers see stay what they were`() async throws {
        // The servers are nginx itself: one says what Host it was sent, and redirects there.
        let lab = try await SwitchboardLab(
            Texts(
                server: """
                    location / { proxy_pass http://app; }
                    location /own { proxy_set_header X-A b; proxy_pass http://app; proxy_redirect default; }
                    location /theirs { proxy_set_header Host $host; proxy_pass http://app; }

                    """,
                app: { _, _ in
                    "upstream app { server unix:@/e.sock; server unix:@/g.sock down; }\n"
                        + "server { listen unix:@/e.sock; location / { return 302 http://$http_host/there; } }\n"
                }
            )
        ) { settings in
            let folder = AtomicFile.folder(of: settings.file)
            settings.environments = [(blue, "e"), (green, "g")].map { name, file in
                EnvironmentSpec(name: name, url: "", servers: ["unix:\(folder)/\(file).sock"])
            }
        }
        let door = lab.door
        func locations() -> [String] {
            ["/", "/own", "/theirs"].map { target in
                let answer = SwitchboardClient.exchange(door, target, ["Host: public.example"])
                let line = answer.split(separator: "\r\n").first { $0.hasPrefix("Location") }
                return line.map(String.init) ?? answer
            }
        }
        let before = [String](repeating: "Location: http://public.example/there", count: 3)
        #expect(locations() == before)
        try await lab.install()
        #expect(locations() == before)
    }

    @Test(arguments: [
        ("location / { if ($arg_a) { proxy_pass http://app; } return 204; }", "inside `if`"),
        ("set $x app; location / { proxy_pass http://$x; }", "gives a variable the name"),
        ("open_file_cache max=9; location / { proxy_pass http://app; }", "delays every switch"),
        (
            "location / { proxy_pass http://app; location /n { proxy_pass http://127.0.0.1:9; } }",
            "hand that down"
        ),
        ("set $memcached_key x; location / { memcached_pass app; }", "takes no variable"),
        ("location / { return 204; }", "no location passes"),
    ])
    func `what cannot be kept as it is is refused with its place`(text: String, reason: String) async throws {
        let said = try await complaint(Texts(server: text + "\n    location = /up { return 200 up; }\n"))
        #expect(said.contains(reason) && said.contains("mode weights"), "\(said)")
        // The server block's own text begins in that line.
        if !reason.hasPrefix("no ") { #expect(said.contains("/nginx.conf:11: "), "\(said)") }
    }

    @Test func `servers that the playbook has now take their places`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(100))
        let second = WebBackend("second")
        let text = lab.text("app.conf")
        try lab.folder.write(
            "app.conf",
            text.replacing("upstream app {\n", with: "upstream app {\n    server \(second.address);\n")
        )
        let next = lab.successor {
            $0.environments[1] = EnvironmentSpec(
                name: green,
                url: "",
                servers: $0.environments[1].servers + [second.address]
            )
        }
        await #expect(throws: LoadBalancerError.self) {
            try await next.stage(try greenHas(100), token: firstToken)
        }
        let installation = try await next.installation()
        #expect(installation.changes.map { AtomicFile.name(of: $0.path) } == ["app.conf.app.http.conf"])
        try await next.install(installation, token: firstToken)
        #expect(try await next.observe().split?.live == green)
        let shares = lab.shares(of: 60)
        #expect(
            shares["green", default: 0] > 20 && shares["second", default: 0] > 20 && shares.count == 2,
            "\(shares)"
        )
    }

    @Test func `a configuration that nginx refuses is taken back whole`() async throws {
        let lab = try await SwitchboardLab()
        let texts = [lab.text("app.conf"), lab.text("nginx.conf")]
        let installation = try await lab.balancer.installation()
        try lab.folder.write("app.conf", texts[0] + "upstream bgdeploy_app_blue { server 127.0.0.1:9; }\n")
        await #expect(throws: LoadBalancerError.self) {
            try await lab.balancer.install(installation, token: .zero)
        }
        let again = try await lab.balancer.installation()
        await #expect(throws: LoadBalancerError.self) { try await lab.balancer.install(again, token: .zero) }
        #expect(lab.text("nginx.conf") == texts[1])
        #expect(access(lab.folder.path + "/.bgdeploy/app.conf.app.http.conf", F_OK) != 0)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a reload that nothing comes of is taken back whole`() async throws {
        let lab = try await SwitchboardLab {
            $0.reloadDeadline = 300; $0.reload = ["true"]
        }
        let texts = [lab.text("app.conf"), lab.text("nginx.conf")]
        await #expect(throws: LoadBalancerError.self) { try await lab.install() }
        #expect([lab.text("app.conf"), lab.text("nginx.conf")] == texts)
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `a fenced installation changes nothing`() async throws {
        let lab = try await SwitchboardLab()
        _ = try await lab.balancer.raiseMark(to: FencingToken(epoch: 1, counter: 0))
        await #expect(throws: LoadBalancerError.fenced(seen: FencingToken(epoch: 1, counter: 0))) {
            try await lab.install()
        }
        #expect(!lab.text("app.conf").contains("include"))
    }
}

extension String {
    /// How often `part` is in it.
    func components(of part: String) -> Int { ranges(of: part).count }
}
