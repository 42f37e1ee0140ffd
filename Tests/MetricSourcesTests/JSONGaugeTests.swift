import DeployPorts
import Testing

@testable import MetricSources

@Suite struct JSONGaugeTests {
    @Test(arguments: [
        (#"{"latency_ms":3}"#, "latency_ms", 3.0), (#"{"db":{"pools":[{"ms":0.5}]}}"#, "db.pools[0].ms", 0.5),
        (#"{"rate":0}"#, "rate", 0), (#"{"n":1e2}"#, "n", 100),
    ])
    func `reads`(body: String, path: String, value: Double) async throws {
        let server = try TinyServer(.init(body: body))
        defer { server.stop() }
        #expect(try await gauge(server, path).read() == value)
    }

    @Test(arguments: [
        (200, #"{"v":"3"}"#, "the text"), (200, #"{"v":null}"#, "null"), (200, #"{"v":true}"#, "true"),
        (200, #"{"v":NaN}"#, "not JSON"), (200, #"{"v":1e999}"#, "1e999"), (200, #"{"v":-1}"#, "-1"),
        (200, #"{"w":1}"#, "no key `v`"), (200, "<html>", "not JSON"), (200, "", "not JSON"),
        (503, #"{"v":3}"#, "answered 503"),
    ])
    func `has no evidence`(status: Int, body: String, words: String) async throws {
        let server = try TinyServer(.init(status: status, body: body))
        defer { server.stop() }
        let error = await #expect(throws: MetricsError.self) { try await gauge(server, "v").read() }
        guard case .noEvidence(let text) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains(words))
        #expect(text.contains("GET http://127.0.0.1:\(server.port)/metrics"))
    }

    @Test func `a late answer and a closed port are no evidence`() async throws {
        let server = try TinyServer(.init(body: #"{"v":1}"#, delay: 3000))
        let late = JSONGauge(
            name: "v",
            url: "http://\(server.address)/",
            path: "v",
            deadline: .milliseconds(100)
        )
        let error = await #expect(throws: MetricsError.self) { try await late.read() }
        #expect(error?.isNoEvidence == true)
        server.stop()
        let gone = await #expect(throws: MetricsError.self) { try await gauge(server, "v").read() }
        #expect(gone?.isNoEvidence == true)
    }

    @Test func `a path that is none is unusable`() async throws {
        let server = try TinyServer(.init(body: "{}"))
        defer { server.stop() }
        let error = await #expect(throws: MetricsError.self) { try await gauge(server, "a..b").read() }
        #expect(error?.isNoEvidence == false)
    }

    private func gauge(_ server: TinyServer, _ path: String) -> JSONGauge {
        JSONGauge(name: "gauge", url: "http://\(server.address)/metrics", path: path)
    }
}

extension MetricsError {
    fileprivate var isNoEvidence: Bool {
        if case .noEvidence = self { true } else { false }
    }
}
