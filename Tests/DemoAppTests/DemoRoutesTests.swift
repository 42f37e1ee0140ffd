import HTTPTypes
import Testing

@testable import DemoApp

struct DemoRoutesTests {
    @Test func `the front page is JSON to a program and HTML to a browser`() async throws {
        let client = DemoClient()
        let json = try await client.ask(.get, "/", accept: "*/*")
        #expect(json.body == #"{"environment":"green","version":"v2.5.0"}"#)
        let page = try await client.ask(.get, "/", accept: "text/html,*/*;q=0.8")
        #expect(page.body.hasPrefix("<!doctype html>"))
    }

    @Test func `health is degraded while it is switched, and everything else still answers`() async throws {
        let client = DemoClient()
        #expect(try await client.ask(.get, "/api/health").body.contains(#""status":"healthy""#))
        #expect(try await client.ask(.post, "/admin/faults", body: #"{"healthy":false}"#).status == 200)
        let health = try await client.ask(.get, "/api/health")
        #expect(health.status == 503)
        #expect(health.body.contains(#""status":"degraded""#))
        #expect(try await client.ask(.get, "/").status == 200)
    }

    @Test func `an error rate is met exactly, shows in the metrics, and spares health`() async throws {
        let client = DemoClient()
        _ = try await client.ask(.post, "/admin/faults", body: #"{"status":502,"error_rate":0.3}"#)
        var failed = 0
        for _ in 0..<10 {
            failed += try await client.ask(.get, "/api/sessions").status == 502 ? 1 : 0
            #expect(try await client.ask(.get, "/api/health").status == 200)
        }
        #expect(failed == 3)
        let errors = try await client.ask(.get, "/api/metrics/errors")
        #expect(errors.body == #"{"error_rate_5min":0.3,"errors_5min":3,"requests_5min":10}"#)
    }

    @Test func `posting faults replaces those before`() async throws {
        let client = DemoClient()
        _ = try await client.ask(.post, "/admin/faults", body: #"{"status":500,"healthy":false}"#)
        #expect(try await client.ask(.get, "/").status == 500)
        _ = try await client.ask(.post, "/admin/faults", body: "{}")
        #expect(try await client.ask(.get, "/").status == 200)
        #expect(client.state.faults.current == Faults())
    }

    @Test(arguments: [#"{"staus":500}"#, #"{"status":200}"#, #"{"error_rate":3}"#, #"{"delay_ms":-1}"#, "no"])
    func `a fault that means nothing is refused and nothing changes`(body: String) async throws {
        let client = DemoClient()
        #expect(try await client.ask(.post, "/admin/faults", body: body).status == 400)
        #expect(client.state.faults.current == Faults())
    }

    @Test func `a hung environment answers again when the fault is lifted, and is alive meanwhile`()
        async throws
    {
        let client = DemoClient()
        client.state.faults.set(Faults(hang: true))
        async let hung = client.ask(.get, "/api/health")
        #expect(try await client.ask(.get, "/live").status == 200)
        _ = try await client.ask(.post, "/admin/faults", body: "{}")
        #expect(try await hung.status == 200)
    }

    @Test func `a session is created, added to, finalized and deleted`() async throws {
        let client = DemoClient()
        let created = try await client.ask(.post, "/api/sessions", body: #"{"title":"Smoke"}"#)
        #expect(created.status == 201)
        #expect(created.body == #"{"segments":0,"session_id":1,"status":"active","title":"Smoke"}"#)
        #expect(try await client.ask(.post, "/api/sessions/1/segments").status == 201)
        #expect(try await client.ask(.get, "/api/metrics/sessions/active").body == #"{"count":1}"#)
        let final = try await client.ask(.post, "/api/sessions/1/finalize")
        #expect(final.body.contains(#""status":"finalized""#))
        #expect(try await client.ask(.post, "/api/sessions/1/segments").status == 404)
        #expect(try await client.ask(.get, "/api/metrics/sessions/active").body == #"{"count":0}"#)
        #expect(try await client.ask(.delete, "/api/sessions/1").status == 204)
        #expect(try await client.ask(.get, "/api/sessions/1").status == 404)
    }

    @Test func `a draining environment stays healthy, says so, and can be opened again`() async throws {
        let client = DemoClient()
        #expect(try await client.ask(.get, "/ws").status == 426)
        let drain = try await client.ask(.post, "/admin/drain")
        #expect(drain.body == #"{"active":0,"status":"draining"}"#)
        let health = try await client.ask(.get, "/api/health")
        #expect(health.status == 200)
        #expect(health.body.contains(#""draining":true"#))
        #expect(try await client.ask(.get, "/ws").status == 503)
        _ = try await client.ask(.delete, "/admin/drain")
        #expect(try await client.ask(.get, "/ws").status == 426)
    }
}
