import DeployPorts
import Foundation
import Glibc
import HTTPClient
import Synchronization
import Testing

@testable import MetricSources

/// With a real Prometheus that scrapes a tiny server of ours.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: prometheus), "prometheus is not installed"))
struct PrometheusGaugeTests {
    private let lab: Lab
    private let exporter: TinyServer
    private let server: String

    init() async throws {
        lab = try Lab()
        exporter = try TinyServer(
            .init(
                body: """
                    errors_share{env="green"} 0.25
                    errors_share{env="blue"} 0.01
                    broken NaN
                    endless +Inf
                    negative -3
                    old_sample 7 \((Int(time(nil)) - 90) * 1000)

                    """
            )
        )
        server = try await Self.start(lab, scraping: exporter)
    }

    @Test(arguments: [
        (#"errors_share{env="green"}"#, 0.25), ("sum(errors_share) * 100", 26), ("scalar(vector(3))", 3),
        ("1+1", 2),
        (#"max(errors_share{env=~"gr.*|ü"})"#, 0.25),
    ])
    func `reads`(query: String, value: Double) async throws {
        #expect(try await gauge(query).read() == value)
    }

    @Test(arguments: [
        ("nothing_of_this_name", "gives no sample"), ("errors_share", "gives 2 samples, such as {"),
        ("broken", "gives NaN"), ("endless", "gives +Inf"), ("negative", "gives -3"),
        // Prometheus itself would still give a sample of 90 seconds ago.
        ("old_sample", " s old, more than 60 s"), ("old_sample # end", " s old, more than 60 s"),
    ])
    func `has no evidence`(query: String, words: String) async throws {
        let error = await #expect(throws: MetricsError.self) { try await gauge(query).read() }
        #expect(error?.evidence?.contains(words) == true, "\(String(describing: error))")
        #expect(error?.evidence?.hasPrefix("POST \(server)/api/v1/query: ") == true)
    }

    @Test(arguments: [("sum(", "parse error"), ("errors_share[1m]", "a matrix"), (#""text""#, "a string")])
    func `a query that can never work is unusable`(query: String, words: String) async throws {
        let error = await #expect(throws: MetricsError.self) { try await gauge(query).read() }
        guard case .unusable(let text) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains(words))
    }

    @Test func `series whose target is gone end at once, and so does the evidence`() async throws {
        #expect(try await gauge("sum(errors_share)").read() > 0)
        exporter.stop()
        #expect(
            await eventually {
                do throws(MetricsError) {
                    _ = try await gauge("sum(errors_share)").read()
                    return false
                } catch {
                    return error.evidence?.contains("gives no sample") == true
                }
            }
        )
    }

    @Test func `a clock that is wrong is no evidence`() async throws {
        let error = await #expect(throws: MetricsError.self) { try await gauge("1", ahead: 61).read() }
        #expect(
            error?.evidence?.contains("61 s ago by this host's clock") == true,
            "\(String(describing: error))"
        )
        #expect(try await gauge("1", ahead: 30).read() == 1)
    }

    // MARK: shared

    private func gauge(_ query: String, ahead: Double = 0) -> PrometheusGauge {
        PrometheusGauge(
            name: "gauge",
            server: server + "/",
            query: query,
            deadline: .seconds(30),
            now: { Date().timeIntervalSince1970 + ahead }
        )
    }

    /// Returns the URL once the first samples are in.
    private static func start(_ lab: Lab, scraping target: TinyServer) async throws -> String {
        let port = Sockets.freePort()
        try lab.write(
            "prometheus.yml",
            """
            global: { scrape_interval: 1s, scrape_timeout: 1s }
            scrape_configs:
              - job_name: app
                static_configs: [{ targets: ["\(target.address)"] }]
            """
        )
        try lab.start(
            prometheus,
            [
                "--config.file=\(lab.path("prometheus.yml"))", "--storage.tsdb.path=\(lab.path("data"))",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
            ]
        )
        let url = "http://127.0.0.1:\(port)"
        let gauge = PrometheusGauge(name: "up", server: url, query: "count(broken)") {
            Date().timeIntervalSince1970
        }
        try #require(await eventually { (try? await gauge.read()) == 1 }, "prometheus has no samples")
        return url
    }
}

/// What no real server would say so easily.
@Suite struct PrometheusAnswerTests {
    @Test(arguments: [
        (
            200,
            #"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["one store is down"]}"#,
            "it warns: one store is down"
        ),
        (200, #"{"status":"error","error":"x"}"#, "not success"), (200, "<html>", "not JSON"),
        (200, "{}", "not success"),
        (200, #"{"status":"success","data":{}}"#, "no result"),
        (200, #"{"status":"success","data":{"resultType":"scalar","result":[1000]}}"#, "no sample"),
        (200, #"{"status":"success","data":{"resultType":"scalar","result":[1000,5]}}"#, "no sample"),
        (200, #"{"status":"success","data":{"resultType":"scalar","result":[900,"5"]}}"#, "100 s ago"),
        (503, #"{"status":"error","errorType":"timeout","error":"query timed out"}"#, "503: query timed out"),
        (502, "bad gateway", "it answered 502"), (401, "", "it answered 401"),
    ])
    func `is no evidence`(status: Int, body: String, words: String) {
        let error = #expect(throws: PrometheusAnswer.Mistake.self) {
            try PrometheusAnswer(status: status, body: Array(body.utf8)).reading(at: 1000)
        }
        #expect(error?.message.contains(words) == true)
        #expect(error?.isLasting == false)
    }

    @Test func `a token and a password are sent`() async throws {
        let body = #"{"status":"success","data":{"resultType":"scalar","result":[1000,"5"]}}"#
        let server = try TinyServer(.init(body: body))
        defer { server.stop() }
        let bearer = HTTPHeader("Authorization", "Bearer hunter2")
        let basic = HTTPBasicAuth(user: "me", password: "open")
        for (headers, auth, expected) in [
            ([bearer], nil, "Bearer hunter2"), ([], basic, "Basic bWU6b3Blbg=="),
        ] {
            let gauge = PrometheusGauge(
                name: "gauge",
                server: "http://\(server.address)",
                query: "a b&c",
                headers: headers,
                basicAuth: auth,
                now: { 1000 }
            )
            #expect(try await gauge.read() == 5)
            let request = server.latest.withLock { $0 }
            #expect(request.contains("Authorization: \(expected)\r\n"))
            #expect(request.hasSuffix("query=a%20b%26c&lookback_delta=60s"))
        }
    }
}

private let prometheus = "/usr/bin/prometheus"
