@testable import BalancerLab
import DeployCore
import DeployPorts
import SafeFile
import Testing

@testable import NginxDriver

/// Passes with a path behind the upstream's name: the servers must be sent what they were sent before.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardPathTests {
    /// The servers are nginx itself, and answer with the path that they were sent, or redirect.
    private func lab(_ server: String, http: String = "") async throws -> SwitchboardLab {
        try await SwitchboardLab(
            SwitchboardLab.Texts(
                http: http,
                server: server,
                app: { _, _ in
                    "upstream app { server unix:@/e.sock; server unix:@/g.sock down; }\n"
                        + ["e", "g"].map { name in
                            "server { listen unix:@/\(name).sock; merge_slashes off;\n"
                                + "location / { return 200 \"$request_uri $http_host\"; }\n"
                                + "location ~ redirect { return 302 http://app/api/v1/there; } }\n"
                        }
                        .joined()
                }
            )
        ) { settings in
            let folder = AtomicFile.folder(of: settings.file)
            settings.environments = [(blue, "e"), (green, "g")].map { name, file in
                EnvironmentSpec(name: name, url: "", servers: ["unix:\(folder)/\(file).sock"])
            }
        }
    }

    private static let tails = [
        "", "x", "x/y", "x/", "x%2Fy", "x%2fy", "x%20y", "x+y", "x?", "?", "x?a=b", "?a=b%20c&d=%2F", "x//y",
        "//x", "x%3Fy", "x%3F", "x%25y", "x%252Fy", "x/../y", "x/./y", "x/..", "%2e%2e/y", "..%2Fy",
        "x%C3%A9",
        "x;y=1", "x:y@z", "x%3By", "x%0Ay", "x%0A", "x%0D", "x%23f", "x&y=1", "x'y", "x%22y", "x%5By%5D",
        "x%7Ey", "x~y!z$*(),", "x?a=b?c", "x%09y", "x%7Fy", "$1", "%241", "x?$uri",
    ]

    private static let server = """
        location /a/ { proxy_pass http://app/; }
        location ^~ /v1.0/ { proxy_pass http://app/api/v1/; proxy_redirect default; }
        location /c { proxy_pass http://app/; }
        location = /exact { proxy_pass http://app/other; }
        location /whole { proxy_pass http://app/sub$request_uri; }
        location /raw { proxy_pass http://app$request_uri; }
        location /q { set $mine $uri; if ($arg_no) { return 403; } proxy_pass "http://app/q?u=$mine"; }
        location /if/ { set $mine $uri; if ($arg_a = no) { return 403; } proxy_pass http://app/; }
        location / { proxy_pass http://app/; }

        """

    @Test func `the servers are sent the same paths, to the byte`() async throws {
        let lab = try await lab(Self.server)
        let door = lab.door
        let targets =
            ["/a/", "/v1.0/", "/c", "/c/", "/exact", "/whole", "/raw", "/q", "/if/", "/", "/A/"]
            .flatMap { base in Self.tails.map { base + $0 } } + ["/a", "/v1.0", "/if/?a=no", "/v1x0/y"]
        func answers() -> [String] { targets.map { SwitchboardClient.get(door, $0, []) } }
        let before = answers()
        // nginx itself merges slashes, replaces the path and answers what is malformed.
        let first = try #require(targets.firstIndex(of: "/v1.0/x//y"))
        #expect(before[first] == "/api/v1/x/y app")
        try await lab.install()
        #expect(try await lab.balancer.installation().isComplete)
        let after = answers()
        let differences = targets.indices.filter { before[$0] != after[$0] }
            .map { "\(targets[$0]): \(before[$0]) -> \(after[$0])" }
        #expect(differences.isEmpty, "\(differences)")
        try await lab.move(to: try greenHas(100))
        #expect(answers() == before)
    }

    @Test func `redirects come back under the location`() async throws {
        let lab = try await lab(Self.server)
        let door = lab.door
        func location() -> String? {
            SwitchboardClient.exchange(door, "/v1.0/redirect", [])
                .split(separator: "\r\n").first { $0.hasPrefix("Location") }.map(String.init)
        }
        let before = location()
        #expect(before == "Location: http://lab/v1.0/there")
        try await lab.install()
        #expect(location() == before)
        #expect(lab.text("nginx.conf").contains("proxy_redirect http://app/api/v1/ /v1.0/;"))
        #expect(lab.text("nginx.conf").contains("proxy_redirect http://app/ /a/;"))
        #expect(!lab.text("nginx.conf").contains("$bgdeploy_app_pool$request_uri; proxy_redirect"))
    }

    @Test func `what a client should have encoded is encoded, and that is said`() async throws {
        let lab = try await lab(Self.server, http: "  log_format x '$uri';\n")
        #expect(SwitchboardClient.get(lab.door, "/a/x|y", []) == "/x|y app")
        // nginx does so itself when anything else is encoded.
        #expect(SwitchboardClient.get(lab.door, "/a/x|y%20", []) == "/x%7Cy%20 app")
        let remarks = try await lab.balancer.installation().remarks
        #expect(remarks.contains { $0.contains("nginx.conf:12: ") && $0.contains("percent-encodes") })
        #expect(remarks.contains { $0.contains("`$uri` and `$1`") }, "\(remarks)")
        try await lab.install()
        #expect(SwitchboardClient.get(lab.door, "/a/x|y", []) == "/x%7Cy app")
    }

    @Test(arguments: [
        ("location /a/ { proxy_pass http://app/x%20y/; }", "characters that it would not keep"),
        ("location /a+b/ { proxy_pass http://app/; }", "characters that it would not keep"),
        ("location /a/ { proxy_pass http://app/?x=; }", "characters that it would not keep"),
        ("location /a/ { rewrite ^/a/x /y break; proxy_pass http://app/; }", "changes the path as well"),
        ("location /a/ { try_files $uri @b; proxy_pass http://app/; } ", "changes the path as well"),
        ("location /a/ { proxy_pass http://app/; if ($arg_x) { return 403; } }", "move this above"),
        ("location /a/ { proxy_set_header X-Path $uri; proxy_pass http://app/; }", "use `$request_uri`"),
        ("location /a/ { proxy_cache_key $1; proxy_pass http://app/; }", "use `$request_uri`"),
        (
            "proxy_set_header X ${document_uri}; location /a/ { proxy_pass http://app/; }",
            "use `$request_uri`"
        ),
        ("rewrite ^/x /a/y break; location /a/ { proxy_pass http://app/; }", "does not replace the path"),
        ("set $s x; location /a/ { proxy_pass http://app$s/; }", "which name it is"),
    ])
    func `what the rewrite would change is refused with its place`(text: String, reason: String) async throws
    {
        let lab = try await SwitchboardLab(
            SwitchboardLab.Texts(
                http: "  upstream appx { server 127.0.0.1:9; }\n",
                server: text + "\n    location = /up { return 200 up; } location @b { return 204; }\n"
            )
        )
        let before = [lab.text("app.conf"), lab.text("nginx.conf")]
        let error = await failure { _ = try await lab.balancer.installation() }
        guard case .misconfigured(let said) = error else {
            Issue.record("not refused: \(String(describing: error))")
            return
        }
        #expect(said.contains(reason) && said.contains("mode weights"), "\(said)")
        #expect(said.contains("/nginx.conf:12: "), "\(said)")
        #expect([lab.text("app.conf"), lab.text("nginx.conf")] == before)
    }
}
