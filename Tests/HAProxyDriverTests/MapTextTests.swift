@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

/// What mode `map` puts into a configuration, without any HAProxy.
struct MapTextTests {
    private let settings = HAProxySettings(
        file: "/f",
        backend: "app",
        socket: "/s",
        mode: .map,
        environments: [
            EnvironmentSpec(name: blue, url: "", servers: ["10.0.0.1:80", "10.0.0.2:80"]),
            EnvironmentSpec(name: green, url: "", servers: ["10.0.0.3:80"]),
        ],
        sticky: .cookie("session"),
        chosenUsers: ChosenUsers(key: .header("X-User-Id"), values: ["ana"]),
        service: "app"
    )

    private let backend = """
        backend app
            id 77
            option httpchk GET /health
            default-server check
            server b1 10.0.0.1:80 weight 20   # the first
            server b2 10.0.0.2:80 weight 10
            server g1 10.0.0.3:80 weight 0
            server spare 10.0.0.9:80 backup

        """

    private func install(
        _ text: String,
        _ settings: HAProxySettings? = nil
    ) throws(LoadBalancerError) -> String {
        let settings = settings ?? self.settings
        let folder = LabFolder()
        guard let file = try? MarkedFile(folder.path, entry: settings.backend) else { return "" }
        let layout = try MapLayout(settings, file)
        let bytes = Array(text.utf8)
        let view = try BackendView(bytes, path: "/f", settings: settings)
        let after = try MapText.installed(
            bytes,
            path: "/f",
            layout,
            names: [blue: Set(view.names(of: blue) ?? []), green: Set(view.names(of: green) ?? [])],
            own: view.ownWeights(remembered: [:])
        )
        return String(decoding: after, as: UTF8.self).replacing(layout.sharePath, with: "SHARE")
            .replacing(layout.usersPath, with: "USERS").replacing(layout.scriptPath, with: "SCRIPT")
    }

    private func complaint(_ text: String, _ settings: HAProxySettings? = nil) -> String {
        do throws(LoadBalancerError) {
            _ = try install(text, settings)
            return "no complaint"
        } catch {
            return error.message
        }
    }

    /// The lines without those of ours.
    private func user(_ text: String, _ end: String) -> [Substring] {
        var isOurs = false
        return text.split(separator: end, omittingEmptySubsequences: false).filter { line in
            if line.contains("# bgdeploy app: begin") { isOurs = true }
            defer { if line.contains("# bgdeploy app: end") { isOurs = false } }
            return !isOurs
        }
    }

    @Test func `nothing of the user's changes, and a second time changes nothing`() throws {
        for end in ["\n", "\r\n"] {
            let text =
                ("global\n    daemon\n\ndefaults\n    mode http\n\n" + backend
                + "\nfrontend www\n    bind :80\n    http-request del-header X-User-Id\n    acl api path /api\n"
                + "    use_backend other if api\n    use_backend app if { path /a } || { path /b }\n"
                + "    default_backend app   # all else\n\nbackend other\n    server x 10.9.9.9:1\n")
                .replacing("\n", with: end)
            let once = try install(text)
            #expect(user(once, end).joined(separator: end) == text)
            #expect(once.contains("# bgdeploy app: end" + end))
            #expect(try install(once.replacing("SHARE", with: "OLD")) == once)
        }
    }

    @Test func `the rules come behind what the frontend cleans up, and before what it decides`() throws {
        let once = try install(
            "defaults\n    mode http\n" + backend + "frontend www\n    bind :80\n"
                + "    http-request del-header X-User-Id\n    use_backend app if { path /a } or { path /b }\n"
                + "    use_backend other if { path /o }\n    default_backend app\nbackend other\n"
        )
        let lines = once.split(separator: "\n").map { $0.drop { $0 == " " } }
        func place(_ start: String) throws -> Int {
            try #require(lines.firstIndex { $0.hasPrefix(start) }, "\(start)")
        }
        let order = try [
            "http-request del-header",
            "http-request set-var(txn.bgdeploy_app.share) str(green),map_str_int(SHARE,0)",
            "use_backend %[var(txn.bgdeploy_app)] if { path /a } or { path /b }", "use_backend app if",
            "use_backend other", "default_backend",
        ].map(place)
        #expect(order == order.sorted())
        // One rule for `use_backend app`, and one behind the last for `default_backend app`.
        #expect(lines.count { $0.hasPrefix("use_backend %[var(txn.bgdeploy_app)]") } == 2)
        #expect(
            try place("use_backend other") + 2
                == lines.lastIndex { $0 == "use_backend %[var(txn.bgdeploy_app)]" }
        )
    }

    @Test func `each copy has its own servers with their own weights, and the spare`() throws {
        let once = try install(
            "defaults\n    mode http\n" + backend + "frontend www\n    bind :80\n    default_backend app\n"
        )
        let blues = try #require(once.firstRange(of: "backend app_blue\n"))
        let greens = try #require(once.firstRange(of: "backend app_green\n"))
        let (first, second) = (once[blues.upperBound..<greens.lowerBound], once[greens.upperBound...])
        #expect(first.contains("server b1 10.0.0.1:80 weight 2   # the first\n"))
        #expect(first.contains("server b2 10.0.0.2:80 weight 1\n") && !first.contains("server g1"))
        #expect(second.contains("server g1 10.0.0.3:80 weight 1\n") && !second.contains("server b1"))
        for copy in [first, second] {
            #expect(copy.contains("option httpchk") && copy.contains("server spare 10.0.0.9:80 backup"))
        }
        #expect(once.split(separator: "id 77").count == 2, "an id belongs to one backend alone")
    }

    @Test func `without sticky and users there is neither Lua nor their map`() throws {
        var settings = settings
        (settings.sticky, settings.chosenUsers) = (nil, nil)
        let text = "global\ndefaults\n    mode http\n" + backend + "frontend www\n    default_backend app\n"
        let plain = try install(text, settings)
        #expect(plain.contains("rand(1000)") && !plain.contains("lua") && !plain.contains("USERS"))
        let full = try install(text)
        #expect(full.contains("    lua-load-per-thread SCRIPT\n") && full.contains("USERS"))
        #expect(try install(full, settings) == plain, "what is not needed any more goes")
    }

    @Test func `what cannot be done is refused with its line, and with the mode that can`() {
        let http = "defaults\n mode http\n"
        let front = "frontend www\n default_backend app\n"
        let cases: [(String, String)] = [
            ("defaults\n mode tcp\n" + backend + front, "/f:3: backend `app` has `mode tcp`"),
            (backend + front, "/f:1: backend `app` has `mode tcp`"),
            (
                http + backend + "frontend www\n mode tcp\n default_backend app\n",
                "/f:13: frontend `www` has `mode tcp`"
            ),
            (
                http + backend
                    + "frontend www\n use_backend %[req.hdr(host),map(/m,app)]\n default_backend app\n",
                "/f:12: this `use_backend` computes a name"
            ),
            (
                http + backend.replacing("backend app", with: "listen app"),
                "/f:3: `listen app` is a frontend and"
            ),
            (
                http + backend + "frontend www\n .if feature(OPENSSL)\n use_backend app\n .endif\n",
                "/f:13: this line stands between"
            ),
            (http + backend, "/f: no frontend sends requests to `app`"),
            (http + backend + front + "backend app_green\n", "/f:13: `backend app_green` has the name"),
            (
                http + backend + front + "# bgdeploy app: begin\n",
                "/f:13:1: the line `# bgdeploy app: begin` has lost"
            ),
        ]
        for (text, expected) in cases {
            let told = complaint(text)
            #expect(told.contains(expected), "\(told)")
        }
        #expect(complaint(cases[0].0).contains("use `mode: weights`"))
    }

    @Test func `a default backend of the defaults counts for every frontend`() throws {
        let once = try install(
            "defaults\n mode http\n default_backend app\n" + backend
                + "frontend a\n bind :1\nfrontend b\n bind :2\n"
        )
        #expect(once.split(separator: "use_backend %[var(txn.bgdeploy_app)]").count == 3)
    }

    @Test func `rules do not get into somebody's condition`() throws {
        let once = try install(
            "defaults\n mode http\n" + backend + ".if feature(LUA)\nbackend other\n.endif\n"
                + "frontend www\n bind :1\n .if feature(LUA)\n use_backend other if { path /x }\n .endif\n"
                + " default_backend app\n.if feature(LUA)\nfrontend more\n bind :2\n default_backend other\n.endif\n"
        )
        var depth = 0
        for line in once.split(separator: "\n").map({ $0.drop { $0 == " " } }) {
            if line.hasPrefix(".if") { depth += 1 }
            if line.hasPrefix(".endif") { depth -= 1 }
            #expect(depth == 0 || !line.contains("bgdeploy"), "\(line)")
        }
        #expect(
            once.contains(".endif\n # bgdeploy app: begin"),
            "the computed rule comes behind the last one"
        )
        #expect(user(once, "\n").contains("backend other"))
    }

    @Test func `one number is share and owner of the chosen users`() throws {
        let folder = LabFolder()
        let layout = try MapLayout(settings, MarkedFile(folder.path, entry: "app"))
        for tenths in [0, 1, 250, 999, 1000] {
            for chosen in [nil, blue, green] {
                let split = Split(green, try #require(Percent(tenths: tenths)), other: blue, chosen: chosen)
                let code = layout.code(split)
                #expect(layout.split(code) == split)
                #expect(layout.code(in: layout.text(code)) == code)
            }
        }
        for code in [-1, 1001, 9999, 11_001, 30_000, 21_000, 10_000] {
            #expect(layout.split(code) == nil, "\(code)")
        }
        for text in ["", "green\n", "green x\n", "green 1\ngreen 2\n", "blue 1\n"] {
            #expect(layout.code(in: Array(text.utf8)) == nil)
        }
    }
}
