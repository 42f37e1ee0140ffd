import DeployCore
import DeployPorts
import DeployTestKit
import Foundation
import Testing

@testable import DeployServer

struct AccessIdempotencyTests {
    private static let path = "/v1/services/shop/runs"

    @Test func `a request that is sent again is carried out once`() async throws {
        let lab = AccessLab()
        let token = try await lab.token("ci")
        try await lab.serve { visitor in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            let first = try await tool.post(Self.path, #"{"version":"v1"}"#)
            #expect(first.status == 201 && first.text == "deed 1")
            let again = try await tool.post(Self.path, #"{"version":"v1"}"#)
            #expect(again.status == 201 && again.text == "deed 1")
            #expect(again.header("Content-Type") == first.header("Content-Type"))
            let renewed = visitor.bearing(try await lab.token("ci")).with(["Idempotency-Key": "job-7"])
            #expect(try await renewed.post(Self.path, #"{"version":"v1"}"#).text == "deed 1")
            #expect(lab.deeds.count == 1)
            #expect(try await tool.post(Self.path, #"{"version":"v2"}"#).status == 422)
            #expect(try await tool.post("/v1/services/other/runs", #"{"version":"v1"}"#).status == 422)
            #expect(lab.deeds.count == 1)
            let other = visitor.bearing(try await lab.token("bob")).with(["Idempotency-Key": "job-7"])
            #expect(try await other.post(Self.path, #"{"version":"v1"}"#).text == "deed 2")
            #expect(try await visitor.bearing(token).post(Self.path, "{}").text == "deed 3")
        }
    }

    @Test func `what was refused may be asked for again`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { (visitor: Caller) async throws in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            for status in [409, 503, 303] {
                #expect(try await tool.post(Self.path + "?status=\(status)", "{}").status == status)
            }
            #expect(try await tool.post(Self.path, "{}").status == 201)
            for key in ["a b", String(repeating: "k", count: 201)] {
                #expect(try await tool.with(["Idempotency-Key": key]).post(Self.path, "{}").status == 400)
            }
        }
    }

    @Test func `who may not ask any more is not told the old answer`() async throws {
        let lab = AccessLab()
        let token = try await lab.token("ci")
        let reader = try await lab.token("ci", [.read])
        try await lab.serve { (visitor: Caller) async throws in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            #expect(try await tool.post(Self.path, "{}").status == 201)
            #expect(try await tool.bearing(reader).post(Self.path, "{}").status == 403)
        }
    }

    @Test func `while the first is under way the second waits for its turn, and a dead one's is free`()
        async throws
    {
        let lab = AccessLab()
        let token = try await lab.token("anna")
        let key = Secret.digest(of: "anna\njob-7")
        let digest = Secret.digest(of: "POST \(Self.path)\n{}")
        let since = lab.clock.now().milliseconds
        let entry = #"{"request":"\#(digest)","since":{"milliseconds":\#(since)}}"#
        _ = lab.records.insert(entry, as: Idempotency.kind, key: key, due: nil)
        try await lab.serve { (visitor: Caller) async throws in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            #expect(try await tool.post(Self.path, "{}").status == 409)
            #expect(lab.deeds.count == 0)
            lab.clock.advance(by: .minutes(2))
            #expect(try await tool.post(Self.path, "{}").text == "deed 1")
            #expect(try await tool.post(Self.path, "{}").text == "deed 1")
        }
    }

    @Test func `many at once are one`() async throws {
        let lab = AccessLab()
        let token = try await lab.token()
        try await lab.serve { visitor in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await tool.post(Self.path, "{}").status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 201 || $0 == 409 } && statuses.contains(201))
            #expect(lab.deeds.count == 1)
        }
    }

    @Test func `after a day a key is new, and what is kept is removed`() async throws {
        let lab = AccessLab()
        let token = try await lab.token(lifetime: nil)
        try await lab.serve { visitor in
            let tool = visitor.bearing(token).with(["Idempotency-Key": "job-7"])
            #expect(try await tool.post(Self.path, "{}").text == "deed 1")
            lab.clock.advance(by: .minutes(24 * 60))
            #expect(try await tool.post(Self.path, "{\"other\":1}").text == "deed 2")
            lab.clock.advance(by: .minutes(24 * 60))
            try await lab.access.leftovers.remove()
            #expect(lab.records.records(Idempotency.kind, after: "", limit: 9).isEmpty)
        }
    }
}
