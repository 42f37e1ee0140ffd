import Glibc
import HTTPClient
import ServiceLab
import Synchronization
import Testing

@testable import LoadClient

@Suite struct LoadClientTests {
    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nTrailer: a\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ])
    func `answers of every form are understood, over connections that are kept`(answer: String) async throws {
        let accepted = Atomic(0)
        let figures = try await LoadBench.figures { connection in
            accepted.wrappingAdd(1, ordering: .relaxed)
            connection.serve(answer)
        }
        #expect(figures.faults == [:])
        #expect(figures.good > 4)
        #expect(figures.latency.count == UInt64(figures.good))
        #expect(accepted.load(ordering: .relaxed) == 2)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nto the end",
    ])
    func `a connection that is not to be kept is opened anew`(answer: String) async throws {
        let figures = try await LoadBench.figures { connection in
            connection.readRequest()
            connection.send(answer)
        }
        #expect(figures.faults == [:])
        #expect(figures.good > 4)
        #expect(figures.resent == 0)
    }

    @Test func `what is sent is whole and each path is asked for by its weight`() async throws {
        try await RawServer.behaving({ $0.serve() }) { server in
            var plan = LoadBench.plan(server.port)
            plan.headers = [HTTPHeader("Authorization", "Bearer t")]
            plan.requests = [.init(path: "/", weight: 30), .init(path: "/api?x=1", weight: 10)]
            plan.threads = 1
            let total = try await LoadClient().run(plan) { _ in true }.total
            let first = try #require(server.requests.first { !$0.isEmpty })
            #expect(first.hasPrefix("GET /"))
            #expect(first.contains(" HTTP/1.1\r\nHost: mina.test\r\n"))
            #expect(first.hasSuffix("\r\nAuthorization: Bearer t\r\n\r\n"))
            let rare = server.requests.count { $0.hasPrefix("GET /api?x=1 ") }
            #expect(abs(rare * 4 - total.count) <= 8)
        }
    }

    @Test func `a connection that the server had closed is no error, once`() async throws {
        let figures = try await LoadBench.figures { connection in
            for _ in 0..<3 {
                connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
            // The fourth request meets a connection that ends without a word.
            connection.readRequest()
        }
        #expect(figures.faults == [:])
        #expect(figures.resent > 0)
        #expect(figures.good > 8)
    }

    @Test func `a certificate is checked`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let certificate = try await onThread { try TestCertificate(days: 30, in: folder) }
        let server = try await onThread { try TLSServer(certificate, in: folder) }
        defer { server.stop() }
        var plan = LoadBench.plan(server.port)
        plan.target = ConnectionTarget(host: "mina.test", port: server.port, isSecure: true)
        plan.target.connectTo = HTTPEndpoint(host: "127.0.0.1", port: server.port)
        let untrusted = try await LoadClient().run(plan) { _ in true }.total
        #expect(untrusted.good == 0)
        #expect(untrusted.faults.keys.allSatisfy { if case .tls = $0 { true } else { false } })
        #expect(untrusted.bad > 0)
        plan.target.caFile = certificate.file
        let trusted = try await LoadClient().run(plan) { _ in true }.total
        #expect(trusted.faults == [:])
        #expect(trusted.good > 0)
    }

    // MARK: time

    /// One answer takes `milliseconds`; all others wait behind it, as in a process with one thread.
    private static func stalling(
        after count: Int,
        for milliseconds: Int32
    ) -> @Sendable (RawConnection) -> Void {
        let one = Mutex(0)
        return { connection in
            while !connection.readRequest().isEmpty {
                one.withLock { number in
                    number += 1
                    if number == count { poll(nil, 0, milliseconds) }
                }
                guard connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") else { return }
            }
        }
    }

    @Test func `a timetable goes on while the server stands still`() async throws {
        let pace = LoadPlan.Pace.rate(perSecond: 100)
        let figures = try await LoadBench.figures(
            pace: pace,
            length: .seconds(2),
            Self.stalling(after: 20, for: 1000)
        )
        #expect(figures.faults == [:])
        #expect(figures.good == 200)
        // Those that were due in the second of silence waited a second, 0.99 s, … 0.01 s.
        #expect(figures.latency.count(above: .milliseconds(500)) >= 45)
        #expect(try #require(figures.latency.longest) >= .milliseconds(900))
    }

    @Test func `with few connections the wait for one counts`() async throws {
        try await RawServer.behaving(Self.stalling(after: 20, for: 1000)) { server in
            var plan = LoadBench.plan(server.port, pace: .rate(perSecond: 100), length: .seconds(2))
            plan.connectionLimit = 2
            let figures = try await LoadClient().run(plan) { _ in true }.total
            #expect(figures.good == 200)
            #expect(figures.latency.count(above: .milliseconds(500)) >= 45)
        }
    }

    @Test func `what comes before the counting is not counted`() async throws {
        try await RawServer.behaving({ $0.serve() }) { server in
            var plan = LoadBench.plan(server.port, pace: .rate(perSecond: 200), length: .milliseconds(500))
            plan.ramp = .milliseconds(300)
            plan.warmUp = .milliseconds(200)
            let progress = try await LoadClient().run(plan) { _ in true }
            #expect(abs(progress.total.count - 100) <= 1)
            #expect(server.requests.count { !$0.isEmpty } >= 165)
            #expect(progress.counted == .milliseconds(500))
        }
    }

    @Test func `users come one after the other during the ramp`() async throws {
        let arrivals = Mutex<[ContinuousClock.Instant]>([])
        try await RawServer.behaving({ connection in
            arrivals.withLock { $0.append(.now) }
            connection.serve()
        }) { server in
            var plan = LoadBench.plan(server.port, pace: .users(5))
            plan.ramp = .seconds(1)
            _ = try await LoadClient().run(plan) { _ in true }
        }
        let times = arrivals.withLock { $0.sorted() }
        #expect(times.count == 5)
        #expect(try #require(times.last) - (try #require(times.first)) >= .milliseconds(500))
    }

    @Test func `it ends when the observer has seen enough, and is told every second`() async throws {
        try await RawServer.behaving({ $0.serve() }) { server in
            let plan = LoadBench.plan(server.port, length: .seconds(600))
            let seen = Mutex<[LoadProgress]>([])
            let progress = try await LoadClient().run(plan) { progress in
                seen.withLock { seen in
                    seen.append(progress)
                    return seen.count < 2
                }
            }
            let all = seen.withLock { $0 }
            #expect(all.count == 2)
            #expect(all.allSatisfy { $0.second.good > 0 })
            #expect(all.map(\.second.good).reduce(0, +) == progress.total.good)
        }
    }

    @Test func `cancelling the task closes every connection`() async throws {
        let arrivals = Atomic(0)
        let server = try RawServer { connection in
            arrivals.wrappingAdd(1, ordering: .relaxed)
            connection.hold()
        }
        defer { server.stop() }
        let plan = LoadBench.plan(server.port, pace: .users(3), length: .seconds(600))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: LoadProblem.cancelled) {
                    _ = try await LoadClient().run(plan) { _ in true }
                }
            }
            try await LoadBench.eventually { arrivals.load(ordering: .relaxed) == 3 }
            group.cancelAll()
            try await group.waitForAll()
        }
        try await LoadBench.eventually { server.departures == 3 }
    }
}
