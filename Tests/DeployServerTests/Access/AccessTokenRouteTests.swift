import DeployCore
import Foundation
import Testing

@testable import DeployServer

struct AccessTokenRouteTests {
    @Test func `an admin makes, lists and revokes tokens`() async throws {
        let lab = AccessLab()
        let admin = try await lab.token("root")
        try await lab.serve { visitor in
            let tool = visitor.bearing(admin)
            let order = #"{"name":"ci","scopes":["deploy"],"services":["shop"],"expires":"7d"}"#
            let made = try await tool.post("/v1/tokens", order)
            #expect(made.status == 201)
            let fields = try made.json
            let secret = try #require(fields["token"] as? String)
            let id = try #require(fields["id"] as? String)
            #expect(
                fields["scopes"] as? [String] == ["deploy"] && fields["services"] as? [String] == ["shop"]
            )
            #expect(fields["expires"] as? String == "2026-01-08T00:00:00.000Z")
            #expect((fields["createdBy"] as? String)?.hasPrefix("root (token ") == true)
            let known = visitor.bearing(secret)
            #expect(try await known.get("/v1/services/shop").status == 200)
            let list = try await tool.get("/v1/tokens")
            #expect((try list.json["tokens"] as? [[String: Any]])?.count == 2)
            #expect(!list.text.contains(secret) && !list.text.contains("digest"))
            let revoked = try await tool.send("DELETE", "/v1/tokens/\(id)")
            #expect(try revoked.json["state"] as? String == "revoked")
            #expect(try await known.get("/v1/services/shop").status == 401)
            #expect(try await tool.send("DELETE", "/v1/tokens/nothing").status == 404)
        }
    }

    @Test(arguments: [
        ("", 400), ("[]", 400), ("{", 400), (#"{"scopes":["read"]}"#, 422),
        (#"{"name":1,"scopes":["read"]}"#, 422),
        (#"{"name":"a"}"#, 422), (#"{"name":"a","scopes":["root"]}"#, 422),
        (#"{"name":"a","scopes":"read"}"#, 422),
        (#"{"name":"a","scopes":["read"],"expires":"soon"}"#, 422),
        (#"{"name":"a","scopes":["read"],"expires":"0s"}"#, 422),
        (#"{"name":"a","scopes":["read"],"expires":90}"#, 422),
        (#"{"name":"a","scopes":["read"],"services":[]}"#, 422),
        (#"{"name":"a b","scopes":["read"]}"#, 422), (#"{"name":"a","scopes":["read"],"extra":1}"#, 422),
    ])
    func `what is no order for a token is told`(body: String, status: Int) async throws {
        let lab = AccessLab()
        let admin = try await lab.token("root")
        try await lab.serve { visitor in
            let answer = try await visitor.bearing(admin).post("/v1/tokens", body)
            #expect(answer.status == status, "\(answer.text)")
            #expect(answer.header("Content-Type") == "application/problem+json")
            #expect(try await lab.access.tokens.list().count == 1)
        }
    }
}
