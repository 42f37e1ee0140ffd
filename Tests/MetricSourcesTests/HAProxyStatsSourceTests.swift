import DeployCore
import DeployPorts
import Foundation
import Testing
import TrafficJudgement
import UnixSocket

@testable import MetricSources

/// With a real HAProxy.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: Lab.haproxy), "haproxy is not installed"))
struct HAProxyStatsSourceTests {
    @Test func `requests and errors are counted per environment, once`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer(.init(status: 500)))
        let port = try startHAProxy(lab, blue.address, green.address)
        _ = Sockets.get(port)
        let source = source(lab, blue.address, green.address)
        try await source.open()
        #expect(try await source.collect() == [.blue: TrafficSample(), .green: TrafficSample()])
        let statuses = (0..<20).map { _ in Sockets.get(port) }
        #expect(statuses.filter { $0 == 500 }.count == 10)
        let found = try await samples(source, atLeast: 20)
        #expect(found[.blue] == TrafficSample(requests: 10))
        #expect(found[.green] == TrafficSample(requests: 10, errors: 10))
        #expect(try await source.collect() == [.blue: TrafficSample(), .green: TrafficSample()])
        await source.close()
    }

    @Test func `requests that HAProxy answered itself are the dead server's errors`() async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let dead = "127.0.0.1:\(Sockets.freePort())"
        let port = try startHAProxy(lab, blue.address, dead)
        let source = source(lab, "blue1", "green1")
        try await source.open()
        let statuses = (0..<10).map { _ in Sockets.get(port) }
        #expect(statuses.filter { $0 == 503 }.count == 5)
        #expect(try await samples(source, atLeast: 10)[.green] == TrafficSample(requests: 5, errors: 5))
        await source.close()
    }

    @Test func `requests given to the other server instead count against the dead one`() async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let dead = "127.0.0.1:\(Sockets.freePort())"
        let port = try startHAProxy(lab, blue.address, dead, backend: "option redispatch 1")
        let source = source(lab, blue.address, dead)
        try await source.open()
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        let found = try await samples(source, atLeast: 15)
        let green = try #require(found[.green])
        #expect(green.errors >= 5 && green.errors == green.requests && green.retried == green.errors)
        #expect(found[.blue]?.errors == 0)
        await source.close()
    }

    @Test func `failures that HAProxy hides by asking the same server again are errors`() async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let green = try TinyServer(.init(status: 500, isEverySecondGood: true))
        let port = try startHAProxy(lab, blue.address, green.address, backend: "retry-on 500")
        let source = source(lab, blue.address, green.address)
        try await source.open()
        for _ in 0..<20 { #expect(Sockets.get(port) == 200) }
        let found = try await samples(source, atLeast: 20, errors: 10)
        #expect(found[.green] == TrafficSample(requests: 10, errors: 10, retried: 10))
        #expect(found[.blue] == TrafficSample(requests: 10))
        await source.close()
    }

    @Test func `connections in TCP mode are counted without their retries`() async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        let dead = "127.0.0.1:\(Sockets.freePort())"
        let port = try startHAProxy(lab, blue.address, dead, mode: "tcp")
        let source = source(lab, blue.address, dead)
        try await source.open()
        for _ in 0..<10 { _ = Sockets.get(port) }
        let found = try await samples(source, atLeast: 10, errors: 5)
        #expect(found[.blue] == TrafficSample(requests: 5))
        let green = try #require(found[.green])
        #expect(green.errors == 5)
        // An error that is counted a look later than its connection is one request ahead, until the next.
        #expect((5...6).contains(green.requests), "\(green)")
        await source.close()
    }

    @Test func `a restart is no evidence, and then counting goes on`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let port = try startHAProxy(lab, blue.address, green.address)
        let source = source(lab, blue.address, green.address)
        try await source.open()
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        try restart(lab, port)
        let error = await #expect(throws: MetricsError.self) { try await source.collect() }
        guard case .noEvidence(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("reloaded or restarted"))
        for _ in 0..<4 { #expect(Sockets.get(port) == 200) }
        #expect(try await total(source, atLeast: 4) == [2, 2])
        await source.close()
    }

    @Test func `counters that were set back are no evidence, never negative`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let port = try startHAProxy(lab, blue.address, green.address)
        let source = source(lab, blue.address, green.address)
        for _ in 0..<4 { #expect(Sockets.get(port) == 200) }
        try await source.open()
        _ = try await UnixSocket.exchange("clear counters all\n", at: lab.path("admin.sock"), within: 1000)
        await #expect(throws: MetricsError.self) { try await source.collect() }
        #expect(try await source.collect() == [.blue: TrafficSample(), .green: TrafficSample()])
        await source.close()
    }

    @Test func `while HAProxy is gone there is no evidence`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let port = try startHAProxy(lab, blue.address, green.address)
        let source = source(lab, blue.address, green.address)
        try await source.open()
        lab.stopLast()
        let error = await #expect(throws: MetricsError.self) { try await source.collect() }
        guard case .noEvidence = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try restart(lab, port)
        await #expect(throws: MetricsError.self) { try await source.collect() }
        for _ in 0..<4 { #expect(Sockets.get(port) == 200) }
        #expect(try await total(source, atLeast: 4) == [2, 2])
        await source.close()
    }

    @Test(arguments: [
        ("app", "127.0.0.1:9", "backend app has no server 127.0.0.1:9 (it has blue1 127.0.0.1:"),
        ("nosuch", "green1", "HAProxy knows no backend nosuch"), ("app;shutdown", "green1", "is not a name"),
        ("", "green1", "is not a name"),
    ])
    func `what does not fit the configuration is unusable`(
        backend: String,
        green: String,
        words: String
    ) async throws {
        let (lab, blue) = (try Lab(), try TinyServer())
        _ = try startHAProxy(lab, blue.address, blue.address)
        let source = HAProxyStatsSource(
            socket: lab.path("admin.sock"),
            backends: [.blue: backend, .green: backend],
            servers: [.blue: ["blue1"], .green: [green]]
        )
        let error = await #expect(throws: MetricsError.self) { try await source.open() }
        guard case .unusable(let text) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains(words))
    }

    @Test func `environments with backends of their own are counted there`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer(.init(status: 500)))
        let other = Sockets.freePort()
        let more = """
            server blue1 \(blue.address)
            backend app_green
                server green1 \(green.address)
            frontend other
                bind 127.0.0.1:\(other)
                default_backend app_green
            backend rest
            """
        let port = try startHAProxy(lab, blue.address, green.address, backend: more)
        let source = HAProxyStatsSource(
            socket: lab.path("admin.sock"),
            backends: [.blue: "app", .green: "app_green"],
            servers: [.blue: [blue.address], .green: [green.address]]
        )
        try await source.open()
        for _ in 0..<4 { #expect(Sockets.get(port) == 200) }
        for _ in 0..<2 { #expect(Sockets.get(other) == 500) }
        let found = try await samples(source, atLeast: 6)
        #expect(found == [.blue: TrafficSample(requests: 4), .green: TrafficSample(requests: 2, errors: 2)])
        await source.close()
    }

    @Test func `a socket that is not there is unusable`() async throws {
        let lab = try Lab()
        await #expect(
            throws: MetricsError.unusable("there is no socket at \(lab.path("admin.sock"))")
        ) { try await source(lab, "a", "b").open() }
    }

    private func source(_ lab: Lab, _ blue: String, _ green: String) -> HAProxyStatsSource {
        HAProxyStatsSource(
            socket: lab.path("admin.sock"),
            backends: [.blue: "app", .green: "app"],
            servers: [.blue: [blue], .green: [green]]
        )
    }

    private func startHAProxy(
        _ lab: Lab,
        _ blue: String,
        _ green: String,
        mode: String = "http",
        backend: String = ""
    ) throws -> UInt16 {
        try lab.startHAProxy(blue, green, mode: mode, backend: backend)
    }

    private func restart(_ lab: Lab, _ port: UInt16) throws { try lab.restartHAProxy(port) }
}
