import HTTPClient
import Synchronization
import Testing
import ServiceLab

@testable import LoadClient

/// What a server does wrong is an error within the request's time, and takes no memory.
@Suite struct HostileServerTests {
    private static func isMalformed(_ fault: LoadFault) -> Bool {
        if case .malformed = fault { true } else { false }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", "\u{0}\u{1}\u{2}\r\n\r\n",
        "HTTP/1.1 999999999999 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n : x\r\n\r\n",
    ])
    func `garbage is told from an answer`(text: String) async throws {
        let figures = try await LoadBench.figures { connection in
            connection.readRequest()
            connection.send(text)
            connection.hold()
        }
        #expect(figures.good == 0)
        #expect(figures.bad > 0)
        #expect(figures.faults.keys.allSatisfy(Self.isMalformed), "\(figures.faults)")
    }

    @Test func `an upgrade that nobody asked for is no good answer`() async throws {
        let figures = try await LoadBench.figures(within: .milliseconds(300)) { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            connection.hold()
        }
        #expect(figures.good == 0)
        #expect(figures.bad > 0)
    }

    @Test func `a second answer that nobody asked for costs the connection alone`() async throws {
        let figures = try await LoadBench.figures { connection in
            connection.readRequest()
            connection.send(String(repeating: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", count: 2))
            connection.hold()
        }
        #expect(figures.good > 0)
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ])
    func `a server that falls silent is given up in time`(text: String) async throws {
        let start = ContinuousClock.now
        let figures = try await LoadBench.figures(within: .milliseconds(300)) { connection in
            connection.readRequest()
            connection.send(text)
            connection.hold()
        }
        #expect(figures.faults.keys.allSatisfy { $0 == .timedOut })
        #expect(figures.bad >= 2)
        // The time for which was waited is not left out of the figures.
        #expect(try #require(figures.latency.percentile(1)) >= .milliseconds(290))
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ])
    func `a connection that ends in the middle is an error`(text: String) async throws {
        let figures = try await LoadBench.figures { connection in
            connection.readRequest()
            connection.send(text)
        }
        #expect(figures.good == 0)
        #expect(figures.bad > 0)
        #expect(figures.faults.keys.allSatisfy { $0 == .cutOff || Self.isMalformed($0) }, "\(figures.faults)")
    }

    @Test func `an answer that drips is given up in time`() async throws {
        let figures = try await LoadBench.figures(within: .milliseconds(300)) { connection in
            connection.readRequest()
            connection.drip("HTTP/1.1 200 OK\r\nX: \(String(repeating: "y", count: 5000))", every: 5)
        }
        #expect(figures.good == 0)
        #expect(figures.faults.keys.allSatisfy { $0 == .timedOut })
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func `an endless head or body ends with the request's time at the latest`(start: String) async throws {
        let filler = String(repeating: "y", count: 1 << 16)
        let piece =
            start.hasSuffix("chunked\r\n\r\n")
            ? "10000\r\n\(filler)\r\n"
            : start.hasSuffix("OK\r\n") ? String(repeating: "X: y\r\n", count: 10_000) : filler
        let sent = Atomic(0)
        let figures = try await LoadBench.figures(pace: .users(1), within: .milliseconds(500)) { connection in
            connection.readRequest()
            guard connection.send(start) else { return }
            while connection.send(piece) { sent.wrappingAdd(piece.utf8.count, ordering: .relaxed) }
        }
        #expect(figures.good == 0)
        #expect(figures.bad > 0)
    }

    @Test func `a refused connection is counted, and not asked for thousands of times`() async throws {
        let port = try RawServer.deadPort()
        let figures = try await LoadClient().run(
            LoadBench.plan(port, pace: .users(2), length: .seconds(1))
        ) { _ in true }.total
        #expect(figures.faults.keys.map { $0 } == [.refused])
        #expect((2...22).contains(figures.bad))
    }

    @Test func `with a timetable every request that is refused is counted`() async throws {
        let port = try RawServer.deadPort()
        let plan = LoadBench.plan(port, pace: .rate(perSecond: 50), length: .seconds(1))
        let figures = try await LoadClient().run(plan) { _ in true }.total
        #expect(figures.faults == [.refused: 50])
    }

    @Test func `what cannot be sent is refused before anything is sent`() async throws {
        var plan = LoadBench.plan(1)
        plan.requests = [.init(path: "/a b", weight: 1)]
        let bad = plan
        await #expect(throws: LoadProblem.self) { _ = try await LoadClient().run(bad) { _ in true } }
        plan = LoadBench.plan(80)
        plan.target.host = "169.254.169.254"
        let forbidden = plan
        await #expect(throws: LoadProblem.forbidden(address: "169.254.169.254")) {
            _ = try await LoadClient().run(forbidden) { _ in true }
        }
    }
}
