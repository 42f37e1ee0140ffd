import DeployCore
import DeployPorts
import DeployTestKit
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import DeployServer

/// What a browser may be made to do by a page of a stranger: nothing.
struct AccessBrowserTests {
    @Test func `a session is its token's, for twelve hours`() async throws {
        let lab = AccessLab()
        let token = try await lab.token("anna", [.deploy], lifetime: nil)
        try await lab.serve { visitor in
            let answer = try await visitor.browsing(nil).submit("/login", "token=\(token)")
            let cookie = try #require(answer.header("Set-Cookie"))
            for part in ["bgdeploy=", "Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
                #expect(cookie.contains(part), "\(cookie)")
            }
            #expect(!cookie.contains("Secure") && !cookie.contains("Domain"))
            let value = try await visitor.logIn(token)
            let record = try #require(lab.records.records(Sessions.kind, after: "", limit: 9).last)
            #expect(!record.key.contains(value) && !record.value.contains(value))
            let known = try await visitor.browsing(value).get("/whoami").text
            #expect(known.wholeMatch(of: /anna \(session [0-9a-f]{8}, 127\.0\.0\.1\) \["deploy"\]/) != nil)
            lab.clock.advance(by: .minutes(12 * 60 - 1))
            #expect(try await visitor.browsing(value).get("/whoami").text == known)
            lab.clock.advance(by: .minutes(1))
            #expect(try await visitor.browsing(value).get("/whoami").text == "nobody")
            try await lab.access.leftovers.remove()
            #expect(lab.records.records(Sessions.kind, after: "", limit: 9).isEmpty)
        }
    }

    @Test func `behind TLS the cookie is the host's alone`() async throws {
        let lab = AccessLab(AccessSettings(isBehindProxy: true))
        let token = try await lab.token()
        try await lab.serve { visitor in
            let page = visitor.with(["Origin": "https://\(visitor.authority)"])
            let cookie = try #require(try await page.submit("/login", "token=\(token)").header("Set-Cookie"))
            #expect(cookie.hasPrefix("__Host-bgdeploy=") && cookie.contains("Secure"))
            let value = cookie.split(separator: ";")[0].split(separator: "=")[1]
            #expect(try await visitor.with(["Cookie": "bgdeploy=\(value)"]).get("/whoami").text == "nobody")
            let known = visitor.with(["Cookie": "__Host-bgdeploy=\(value)"])
            #expect(try await known.get("/whoami").text.hasPrefix("anna (session"))
        }
    }

    @Test func `a session ends with its token, and when its owner leaves`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { visitor in
            let (first, second) = (try await visitor.logIn(token), try await visitor.logIn(token))
            let csrf = try await visitor.browsing(first).get("/csrf").text
            let answer = try await visitor.browsing(first).submit("/logout", "csrf=\(csrf)")
            #expect(answer.header("Set-Cookie")?.contains("Max-Age=0") == true)
            #expect(try await visitor.browsing(first).get("/whoami").text == "nobody")
            #expect(try await visitor.browsing(second).get("/whoami").text != "nobody")
            let id = try #require(try await lab.access.tokens.list().first?.id)
            _ = try await lab.access.tokens.revoke(id, by: Actor("root"))
            #expect(try await visitor.browsing(second).get("/whoami").text == "nobody")
            #expect(try await visitor.browsing("x").get("/whoami").text == "nobody")
        }
    }

    @Test func `logins are counted too`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { (visitor: Caller) async throws in
            for _ in 0..<10 {
                #expect(try await visitor.browsing(nil).submit("/login", "token=bgd_x").status == 403)
            }
            #expect(try await visitor.browsing(nil).submit("/login", "token=bgd_x").status == 429)
            #expect(try await visitor.browsing(nil).submit("/login", "token=\(token)").status == 204)
        }
    }

    @Test func `a write by cookie needs the session's CSRF token, at pages and at the API`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { visitor in
            let (mine, others) = (try await visitor.logIn(token), try await visitor.logIn(token))
            let page = visitor.browsing(mine)
            let csrf = try await page.get("/csrf").text
            let foreign = try await visitor.browsing(others).get("/csrf").text
            #expect(csrf.count == 64 && csrf != foreign)
            for form in ["a=1", "csrf=", "csrf=\(foreign)", "xcsrf=\(csrf)"] {
                #expect(try await page.submit("/page", form).status == 403, "\(form)")
            }
            let path = "/v1/services/shop/runs"
            #expect(try await page.post(path, "{}").status == 403)
            #expect(try await page.with(["X-Bgdeploy-CSRF": foreign]).post(path, "{}").status == 403)
            #expect(lab.deeds.count == 0)
            #expect(try await page.submit("/page", "a=1&csrf=\(csrf)").status == 200)
            #expect(try await page.with(["X-Bgdeploy-CSRF": csrf]).post(path, "{}").status == 201)
            #expect(lab.deeds.count == 2)
        }
    }

    @Test func `a write from a page of another origin is refused`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { visitor in
            let cookie = try await visitor.logIn(token)
            let csrf = try await visitor.browsing(cookie).get("/csrf").text
            let page = visitor.browsing(cookie).with(["X-Bgdeploy-CSRF": csrf])
            let strange = [
                "null", "http://evil.example", "https://\(visitor.authority)", "http://127.0.0.1",
                "http://127.0.0.1:\(visitor.port).evil.example", "http://localhost:\(visitor.port)", "",
                "http://127.0.0.1:\(visitor.port == 1 ? 2 : visitor.port - 1)",
            ]
            for origin in strange {
                let answer = try await page.with(["Origin": origin]).post("/page", "{}")
                #expect(answer.status == 403, "\(origin)")
            }
            #expect(try await page.with(["Origin": nil]).post("/page", "{}").status == 403)
            for site in ["cross-site", "same-site"] {
                #expect(try await page.with(["Sec-Fetch-Site": site]).post("/page", "{}").status == 403)
            }
            #expect(lab.deeds.count == 0)
            #expect(try await page.with(["Sec-Fetch-Site": "same-origin"]).post("/page", "{}").status == 200)
            let tool = visitor.bearing(token)
            #expect(try await tool.post("/v1/services/shop/runs", "{}").status == 201)
            let strangeTool = tool.with(["Origin": "http://evil.example"])
            #expect(try await strangeTool.post("/v1/services/shop/runs", "{}").status == 403)
        }
    }

    @Test func `only names of its own are answered`() async throws {
        let lab = AccessLab(AccessSettings(hosts: ["Deploy.example.org"]))
        try await lab.serve { visitor in
            func status(_ host: String, _ path: String = "/whoami") async throws -> Int {
                try await visitor.with(["Host": host]).get(path).status
            }
            for host in [
                "localhost", "127.0.0.1:1", "[::1]:8080", "deploy.example.org", "DEPLOY.example.org:443",
            ] {
                #expect(try await status(host) == 200, "\(host)")
            }
            let strange = [
                "evil.example", "deploy.example.org.evil.example", "localhost.evil.example", "127.0.0.2",
                "[::2]",
                "deploy.example.org:", "evil.example:80@localhost", "localhost:99999",
            ]
            for host in strange {
                let answer = try await status(host)
                #expect(answer == 421 || answer == 400, "\(host): \(answer)")
                #expect(try await status(host, "/livez") == 200)
            }
        }
    }

    @Test func `a body is JSON, of at most a megabyte`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        let path = "/v1/services/shop/runs"
        try await lab.serve { (visitor: Caller) async throws in
            let tool = visitor.bearing(token)
            for kind in [
                "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx",
            ] {
                #expect(try await tool.with(["Content-Type": kind]).post(path, "{}").status == 415, "\(kind)")
            }
            let page = visitor.with(["Origin": visitor.origin])
            #expect(try await page.with(["Content-Type": "text/plain"]).post("/page", "a=1").status == 415)
            #expect(lab.deeds.count == 0)
            let json = tool.with(["Content-Type": "Application/JSON; charset=utf-8"])
            #expect(try await json.post(path, "{}").status == 201)
            #expect(try await tool.post(path).status == 201)
            let large = String(repeating: " ", count: (1 << 20) + 1)
            #expect(try await tool.post(path, large).status == 413)
            #expect(try await tool.with(["Transfer-Encoding": "chunked"]).post(path, large).status == 413)
            #expect(try await tool.post(path, String(large.dropLast())).status == 201)
            #expect(lab.deeds.count == 3)
        }
    }

    @Test func `a body that does not come is not waited for`() async throws {
        let clock = ManualClock()
        let rules = WriteRules(AccessSettings(), clock: clock)
        let never = AsyncStream<ByteBuffer>.makeStream()
        let head = HTTPTypes.HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v1/x")
        let request = Request(head: head, body: RequestBody(asyncSequence: never.stream))
        let source = ApplicationRequestContextSource(
            channel: NIOAsyncTestingChannel(),
            logger: Logger(label: "test")
        )
        async let answer = Result {
            try await rules.handle(request, context: ServerContext(source: source)) { _, _ in
                Response(status: .ok)
            }
        }
        while clock.sleeperCount == 0 { await Task.yield() }
        clock.advance(by: .seconds(30))
        let error = try #require(await answer.failure as? Problem)
        #expect(error.status == .requestTimeout)
    }

    @Test func `every answer tells browsers what they may not do`() async throws {
        let lab = AccessLab()
        try await lab.serve { visitor in
            for path in ["/whoami", "/nothing/here", "/v1/tokens", "/livez", "/broken"] {
                let answer = try await visitor.get(path)
                let policy = try #require(answer.header("Content-Security-Policy"), "\(path)")
                for part in [
                    "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                ] {
                    #expect(policy.contains(part))
                }
                #expect(!policy.contains("unsafe"))
                #expect(answer.header("X-Content-Type-Options") == "nosniff")
                #expect(answer.header("Referrer-Policy") == "same-origin")
                #expect(answer.header("Cache-Control") == "no-store")
                #expect(answer.header("Cross-Origin-Opener-Policy") == "same-origin")
                #expect(answer.header("Permissions-Policy")?.contains("camera=()") == true)
                #expect(answer.header("X-Request-Id")?.isEmpty == false)
                #expect(answer.header("Access-Control-Allow-Origin") == nil)
                #expect(!answer.text.contains("hunter2"))
            }
            let kept = try await visitor.get("/kept")
            #expect(kept.values(of: "Cache-Control") == ["max-age=60"])
            #expect(kept.values(of: "Content-Security-Policy") == ["sandbox"])
            let ids = [try await visitor.get("/whoami"), try await visitor.get("/whoami")]
            #expect(ids[0].header("X-Request-Id") != ids[1].header("X-Request-Id"))
        }
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
