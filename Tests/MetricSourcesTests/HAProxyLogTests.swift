import DeployCore
import DeployPorts
import Foundation
import Glibc
import Testing
import TrafficJudgement

@testable import MetricSources

/// With a real HAProxy and its log beside its counters.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: Lab.haproxy), "haproxy is not installed"))
struct HAProxyLogTests {
    @Test(arguments: ["option httplog", "own"])
    func `durations come from the log, requests and errors from the counters`(format: String) async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let green = try TinyServer(.init(status: 500, delay: 60))
        let place = "unix:\(lab.path("log.sock"))"
        let lines =
            "log \(lab.path("log.sock")) format raw local0\n    \(format == "own" ? try Self.format() : format)"
        let port = try lab.startHAProxy(blue.address, green.address, log: lines)
        let source = try Self.source(lab, blue, green, log: place)
        try await source.open()
        for _ in 0..<20 { _ = Sockets.get(port) }
        let found = try await Self.samples(source) {
            $0[.green]?.latencies.count == 10 && $0[.blue]?.latencies.count == 10
        }
        #expect(found[.green]?.requests == 10 && found[.green]?.errors == 10)
        #expect(found[.blue]?.requests == 10 && found[.blue]?.errors == 0)
        #expect(try #require(found[.green]?.latencies.percentile(0)) >= 57)
        #expect(try #require(found[.blue]?.latencies.percentile(0.5)) < 57)
        #expect(await source.shortfall() == nil)
        await source.close()
    }

    @Test func `a log file is followed`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let port = try lab.startHAProxy(blue.address, green.address)
        try lab.write("haproxy.log", "")
        let source = try Self.source(lab, blue, green, log: lab.path("haproxy.log"))
        try await source.open()
        #expect(Sockets.get(port) == 200)
        let line = HAProxyLogLineTests.plain.replacing("app/blue", with: "app/green1")
        try lab.append("haproxy.log", "Nov 21 10:42:06 host haproxy[7]: \(line)\n")
        let found = try await Self.samples(source) { $0[.green]?.latencies.count == 1 }
        #expect(found[.green]?.latencies.percentile(0.5).map { (9.7...10.3).contains($0) } == true)
        await source.close()
    }

    @Test func `a request that was tried again is known one by one`() async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let green = try TinyServer(.init(status: 500, isEverySecondGood: true))
        let udp = Sockets.freePort()
        let port = try lab.startHAProxy(
            blue.address,
            green.address,
            backend: "retry-on 500",
            log: "log 127.0.0.1:\(udp) format raw local0\n    option httplog"
        )
        let source = try Self.source(lab, blue, green, log: "udp:127.0.0.1:\(udp)")
        try await source.open()
        for _ in 0..<20 { #expect(Sockets.get(port) == 200) }
        let found = try await Self.samples(source) { $0[.green]?.retried == 10 && $0[.blue]?.requests == 10 }
        #expect(found[.green]?.errors == 10)
        #expect(found[.blue]?.retried == 0 && found[.blue]?.errors == 0)
        await source.close()
    }

    @Test func `lines that HAProxy could not send and lines that nobody can read are told of`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let place = "unix:\(lab.path("log.sock"))"
        // A second log that nobody empties: HAProxy counts what it could not send anywhere.
        let full = Sockets.unixDatagram()
        defer { close(full) }
        #expect(Sockets.withUnix(lab.path("full.sock")) { bind(full, $0, $1) } == 0)
        let port = try lab.startHAProxy(
            blue.address,
            green.address,
            log:
                "log \(lab.path("log.sock")) format raw local0\n    log \(lab.path("full.sock")) format raw local0\n    "
                + "log-format \"no format of ours\""
        )
        let source = try Self.source(lab, blue, green, log: place)
        try await source.open()
        var told = ""
        #expect(
            try await eventually {
                _ = Sockets.get(port)
                _ = try await source.collect()
                told += await source.shortfall() ?? ""
                return told.contains("were lost") && told.contains("not in the format of `option httplog`")
            }
        )
        #expect(told.contains("such as `no format of ours`"))
        await source.close()
    }

    @Test func `a log that cannot be opened is unusable`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        _ = try lab.startHAProxy(blue.address, green.address)
        let source = try Self.source(lab, blue, green, log: "unix:\(lab.path("no/log.sock"))")
        let error = await #expect(throws: MetricsError.self) { try await source.open() }
        guard case .unusable(let text) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("its folder does not exist"))
    }

    // MARK: shared

    private static func source(
        _ lab: Lab,
        _ blue: TinyServer,
        _ green: TinyServer,
        log: String
    ) throws -> HAProxyStatsSource {
        HAProxyStatsSource(
            socket: lab.path("admin.sock"),
            backends: [.blue: "app", .green: "app"],
            servers: [.blue: [blue.address], .green: [green.address]],
            log: try LogPlace(log)
        )
    }

    private static func samples(
        _ source: HAProxyStatsSource,
        until enough: ([EnvironmentName: TrafficSample]) -> Bool
    ) async throws -> [EnvironmentName: TrafficSample] {
        var sum: [EnvironmentName: TrafficSample] = [:]
        _ = try await eventually {
            for (name, sample) in try await source.collect() { sum[name, default: TrafficSample()] += sample }
            return enough(sum)
        }
        return sum
    }

    /// The `log-format` that is shipped, word by word.
    private static func format() throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../nginx/haproxy/log-format.cfg"
        )
        let text = try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        return String(try #require(lines.first { $0.hasPrefix("log-format ") }))
    }
}
