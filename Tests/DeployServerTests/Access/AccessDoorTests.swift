import DeployCore
import DeployTestKit
import Foundation
import Testing

@testable import DeployServer

/// Who gets past the door, by which way.
struct AccessDoorTests {
    @Test func `who shows nothing is nobody, and a good token is somebody`() async throws {
        let lab = AccessLab()
        let token = try await lab.token("anna", [.deploy, .approve])
        try await lab.serve { visitor in
            #expect(try await visitor.get("/whoami").text == "nobody")
            let known = try await visitor.bearing(token).get("/whoami").text
            #expect(
                known.wholeMatch(of: /anna \(token [0-9a-f]{8}, 127\.0\.0\.1\) \["deploy", "approve"\]/)
                    != nil
            )
            #expect(try await visitor.with(["Authorization": "bearer \(token)"]).get("/whoami").text == known)
            let refused = try await visitor.get("/v1/tokens")
            #expect(refused.status == 401)
            #expect(refused.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
        }
    }

    @Test func `whatever is wrong with a token is told in the same words`() async throws {
        let lab = AccessLab()
        let expired = try await lab.token("ed", lifetime: .seconds(1))
        let revoked = try await lab.token("rob")
        for token in try await lab.access.tokens.list() where token.name == "rob" {
            _ = try await lab.access.tokens.revoke(token.id, by: Actor("root"))
        }
        lab.clock.advance(by: .seconds(2))
        try await lab.serve { visitor in
            var answers: Set<String> = []
            for token in [expired, revoked, Bearer.random().text, "x", "bgd_"] {
                let answer = try await visitor.bearing(token).get("/whoami")
                #expect(answer.status == 401)
                answers.insert(answer.text)
            }
            answers.insert(try await visitor.with(["Authorization": "Basic YTpi"]).get("/whoami").text)
            #expect(answers.count == 1, "\(answers)")
        }
    }

    @Test func `after ten bad tokens a minute, bad ones wait and good ones do not`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { visitor in
            let guess = visitor.bearing(Bearer.random().text)
            for _ in 0..<10 { #expect(try await guess.get("/whoami").status == 401) }
            lab.clock.advance(by: .seconds(15))
            let refused = try await guess.get("/whoami")
            #expect(refused.status == 429)
            #expect(refused.header("Retry-After") == "45")
            #expect(try await visitor.bearing(token).get("/whoami").status == 200)
            #expect(try await visitor.get("/whoami").status == 200)
            let elsewhere = guess.with(["X-Forwarded-For": "10.9.9.9"])
            #expect(try await elsewhere.get("/whoami").status == 429, "no proxy was told of")
            lab.clock.advance(by: .seconds(45))
            #expect(try await guess.get("/whoami").status == 401)
        }
    }

    @Test func `behind a proxy each client is counted by the last hop`() async throws {
        let lab = AccessLab(AccessSettings(isBehindProxy: true))
        let token = try await lab.token()
        try await lab.serve { visitor in
            func guess(_ hops: String) async throws -> Int {
                let guess = visitor.bearing(Bearer.random().text).with(["X-Forwarded-For": hops])
                return try await guess.get("/whoami").status
            }
            for number in 0..<10 { #expect(try await guess("10.0.0.\(number), 10.0.1.1") == 401) }
            #expect(try await guess("10.0.0.77, 10.0.1.1") == 429)
            #expect(try await guess("10.0.1.1, 10.0.1.2") == 401)
            let known = visitor.bearing(token)
            let named = try await known.with(["X-Forwarded-For": "6.6.6.6, 2001:db8::7"]).get("/whoami")
            #expect(named.text.contains(", 2001:db8::7)"))
            for lie in ["6.6.6.6, <script>", "unknown", ",", String(repeating: "1", count: 9000)] {
                let answer = try await known.with(["X-Forwarded-For": lie]).get("/whoami")
                #expect(answer.text.contains(", 127.0.0.1)"), "\(lie.prefix(20)): \(answer.text)")
            }
        }
    }

    @Test func `failures of many places are not remembered for ever`() {
        let limiter = FailureLimiter(capacity: 100)
        let clock = ManualClock()
        var most = 0
        for number in 0..<10_000 {
            _ = limiter.fail(from: "10.0.\(number / 250).\(number % 250)", at: clock.now())
            if number % 10 == 0 { clock.advance(by: .milliseconds(1)) }
            most = max(most, limiter.count)
        }
        #expect(most <= 100)
        for number in 1...11 {
            let pause = limiter.fail(from: "2001:db8:1:2:\(number)::1", at: clock.now())
            #expect((pause != nil) == (number == 11))
        }
        #expect(limiter.fail(from: "2001:db8:1:3::1", at: clock.now()) == nil)
        #expect(limiter.fail(from: "2001:db8::1", at: clock.now()) == nil)
    }

    @Test func `the peer of a unix socket is who the kernel says, but never a proxy`() async throws {
        let peers = try #require(PeerRoles(deployGroup: nil))
        let lab = AccessLab(AccessSettings(isBehindProxy: true, peers: peers))
        let folder = FileManager.default.temporaryDirectory.path + "/access-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let token = try await lab.token("ci", [.read])
        try await lab.serve(at: folder + "/s") { visitor in
            let own = try await visitor.get("/whoami").text
            #expect(own.hasSuffix(" (uid \(geteuid()), unix) [\"admin\"]"), "\(own)")
            #expect(try await visitor.bearing(token).get("/whoami").text.hasPrefix("ci (token "))
            #expect(try await visitor.bearing("x").get("/whoami").status == 401)
            for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto", "Via"] {
                #expect(try await visitor.with([header: "10.0.0.7"]).get("/whoami").text == "nobody")
            }
        }
    }

    @Test func `root and the service's own user are admins, the group deploys, others are nobody`() throws {
        let roles = try #require(PeerRoles(deployGroup: "daemon"))
        func scopes(_ user: UInt32, _ group: UInt32) -> Set<Scope>? {
            roles.principal(of: .init(process: 1, user: user, group: group))?.scopes
        }
        #expect(scopes(0, 0) == [.admin])
        #expect(scopes(geteuid(), 12345) == [.admin])
        #expect(scopes(54321, 1) == [.deploy])
        #expect(scopes(54321, 12345) == nil)
        #expect(PeerRoles(deployGroup: "no-such-group") == nil)
        let daemon = try #require(roles.principal(of: .init(process: 1, user: 1, group: 1)))
        #expect(daemon.actor.name == "daemon (uid 1, unix)")
    }
}
