import HTTPClient
import Synchronization
import Testing
import ServiceLab

@testable import WebSocketClient

@Suite struct WebSocketClientTests {
    /// Much longer than any limit here: a busy machine is no defect.
    static let generous = Duration.seconds(35)

    private func outcome(
        _ request: WebSocketRequest
    ) async throws -> WebSocketOutcome {
        let all = try await WebSocketClient().exchange(request)
        #expect(all.count == 1)
        return try #require(all.first)
    }

    @Test func `a message is sent, answered and taken leave of`() async throws {
        let frames = Mutex<[RawConnection.Frame]>([])
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket(headers: "Sec-WebSocket-Protocol: b\r\n")
            while let frame = connection.readFrame() {
                frames.withLock { $0.append(frame) }
                if frame.opcode == 1 {
                    connection.sendText("something else")
                    connection.sendText("pong")
                }
                if frame.opcode == 8 { connection.sendFrame(8, frame.payload) }
            }
        }) { server in
            var request = WebSocketRequest(to: server, path: "/ws?a=1")
            request.messages = [.text("ping")]
            request.subprotocols = ["a", "b"]
            request.headers = [HTTPHeader("X-Run", "R1")]
            request.isAwaited = { $0 == .text("pong") }
            let outcome = try await outcome(request)
            #expect(outcome.end == .done)
            #expect(outcome.message == .text("pong"))
            #expect(outcome.others == [.text("something else")])
            #expect(outcome.address == "127.0.0.1:\(server.port)")
            let sent = try #require(server.requests.first)
            #expect(sent.hasPrefix("GET /ws?a=1 HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
            #expect(sent.contains("\r\nSec-WebSocket-Protocol: a, b\r\n"))
            #expect(sent.contains("\r\nX-Run: R1\r\n"))
            await eventually { frames.withLock { $0.count } == 2 }
            let seen = frames.withLock(\.self)
            #expect(seen.map(\.opcode) == [1, 8])
            #expect(seen.map(\.isMasked) == [true, true])
            #expect(seen.last?.payload == [0x03, 0xE8])
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let end: WebSocketOutcome.End
        let behaviour: @Sendable (RawConnection) -> Void

        init(
            _ name: String,
            _ end: WebSocketOutcome.End,
            _ behaviour: @escaping @Sendable (RawConnection) -> Void
        ) {
            testDescription = name
            self.end = end
            self.behaviour = behaviour
        }
    }

    private static let wrongKey =
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n"

    static let cases = [
        Case("says nothing", .noHandshake) { $0.hold() },
        Case("drips its handshake", .noHandshake) { connection in
            connection.readRequest()
            connection.drip(
                "HTTP/1.1 101 Switching Protocols\r\nX: " + String(repeating: "y", count: 900),
                every: 40
            )
        },
        Case("has headers without end", .broken("the answer's headers have no end within 32768 bytes")) {
            connection in
            connection.readRequest()
            while connection.send("X-Endless: \(String(repeating: "y", count: 1000))\r\n") {}
        },
        Case("refuses", .refused("the handshake was answered with status 403 Forbidden")) { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope")
        },
        Case(
            "does not know the protocol",
            .refused(
                "the answer's Sec-WebSocket-Accept does not fit the key: who answers does not know WebSocket"
            )
        ) { connection in
            connection.readRequest()
            connection.send(wrongKey)
        },
        Case("compresses", .refused("the answer agrees to an extension that nobody asked for")) {
            $0.acceptWebSocket(headers: "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        },
        Case("is no HTTP", .refused("the answer to the handshake is not HTTP")) { connection in
            connection.readRequest()
            connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        },
        Case("hangs up", .refused("the connection ended before the handshake was answered")) {
            $0.readRequest()
        },
        Case("opens and is silent", .noMessage) { connection in
            connection.acceptWebSocket()
            connection.hold()
        },
        Case("talks without end, and never of it", .noMessage) { connection in
            connection.acceptWebSocket()
            while connection.sendText("noise") {}
        },
        Case("pings without end", .noMessage) { connection in
            connection.acceptWebSocket()
            while connection.sendFrame(9, [UInt8](repeating: 1, count: 125)), connection.readFrame() != nil {}
        },
        Case("sends a frame without end", .broken("a frame of 1099511627776 bytes; 1048576 are the limit")) {
            connection in
            connection.acceptWebSocket()
            connection.send([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0])
            while connection.send([UInt8](repeating: 0, count: 65_536)) {}
        },
        Case("sends fragments without end", .broken("a message of more than 1048576 bytes")) { connection in
            connection.acceptWebSocket()
            connection.sendFrame(2, [], isFinal: false)
            while connection.sendFrame(0, [UInt8](repeating: 0, count: 60_000), isFinal: false) {}
        },
        Case("closes with a reason", .closed(WebSocketClose(code: 1013, reason: "busy"))) { connection in
            connection.acceptWebSocket()
            connection.sendFrame(8, [0x03, 0xF5] + Array("busy".utf8))
            connection.hold()
        },
        Case("is cut off", .closed(WebSocketClose(code: 1006))) { $0.acceptWebSocket() },
    ]

    @Test(arguments: cases)
    func `a hostile server ends in a clear error within the limit`(_ given: Case) async throws {
        try await RawServer.behaving(given.behaviour) { server in
            var request = WebSocketRequest(to: server, limit: .seconds(1))
            request.isAwaited = { $0 == .text("never") }
            if ![.noHandshake, .noMessage].contains(given.end) { request.limit = Self.generous }
            let start = ContinuousClock.now
            let outcome = try await outcome(request)
            #expect(outcome.end == given.end)
            #expect(ContinuousClock.now - start < Self.generous)
        }
    }

    @Test func `a dead port is named`() async throws {
        let port = try RawServer.deadPort()
        var request = WebSocketRequest(
            target: ConnectionTarget(host: "127.0.0.1", port: port, isSecure: false),
            path: "/",
            host: "a",
            limit: .seconds(30),
            deadline: .seconds(30)
        )
        request.connections = 2
        let all = try await WebSocketClient().exchange(request)
        #expect(all.map(\.end) == [.unreachable(.refused(address: "127.0.0.1:\(port)")), all[0].end])
    }

    @Test func `a hundred connections are open at once and are all answered`() async throws {
        let open = Mutex((now: 0, most: 0))
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            open.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            connection.serveWebSocket()
            open.withLock { $0.now -= 1 }
        }) { server in
            var request = WebSocketRequest(to: server)
            request.connections = 100
            request.messages = [.text("hello")]
            request.isAwaited = { $0 == .text("hello") }
            let all = try await WebSocketClient().exchange(request)
            #expect(all.count == 100)
            #expect(all.filter { $0.end == .done }.count == 100)
            #expect(open.withLock(\.most) == 100)
            await eventually { open.withLock(\.now) == 0 }
        }
    }

    @Test func `one that does not last as long as the others need has failed`() async throws {
        let count = Mutex(0)
        try await RawServer.behaving({ connection in
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            connection.acceptWebSocket()
            guard let frame = connection.readFrame() else { return }
            // The first is answered and thrown out; the second is answered once that has happened.
            if number == 1 { connection.log.wait { $0 == 1 } }
            connection.sendText(frame.text)
            if number == 0 {
                connection.sendFrame(8, [0x03, 0xF5])
                connection.log.departures.withLock { $0 += 1 }
                return
            }
            connection.serveWebSocket()
        }) { server in
            var request = WebSocketRequest(to: server)
            request.connections = 2
            request.messages = [.text("x")]
            request.isAwaited = { $0 == .text("x") }
            let ends = try await WebSocketClient().exchange(request).map(\.end)
            #expect(ends.contains(.done))
            #expect(ends.contains(.closed(WebSocketClose(code: 1013))))
        }
    }

    @Test func `cancelling closes the connections and says so`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket()
            connection.hold()
        }) { server in
            var request = WebSocketRequest(to: server)
            request.isAwaited = { _ in false }
            request.connections = 3
            let start = ContinuousClock.now
            let ends = await withTaskGroup(of: [WebSocketOutcome.End].self) { [request] group in
                group.addTask { ((try? await WebSocketClient().exchange(request)) ?? []).map(\.end) }
                await eventually { server.requests.count == 3 }
                group.cancelAll()
                return await group.next() ?? []
            }
            #expect(ends == [.cancelled, .cancelled, .cancelled])
            await eventually { server.departures == 3 }
            #expect(server.departures == 3)
            #expect(ContinuousClock.now - start < Self.generous)
        }
    }

    @Test func `cookies go with the handshake and come back from it`() async throws {
        try await RawServer.behaving({ connection in
            connection.acceptWebSocket(
                headers: "Set-Cookie: side=green; Path=/\r\nSet-Cookie: x=1; Domain=evil.test\r\n"
            )
            connection.serveWebSocket()
        }) { server in
            let jar = CookieJar()
            var request = WebSocketRequest(to: server)
            request.cookies = jar
            for _ in 0..<2 {
                let end = try await outcome(request).end
                #expect(end == .done)
            }
            #expect(server.requests.map { $0.contains("Cookie: side=green\r\n") } == [false, true])
            #expect(!server.requests.joined().contains("x=1"))
            #expect(jar.header(host: "127.0.0.1", path: "/a", isSecure: false) == "side=green")
            #expect(jar.header(host: "other.test", path: "/a", isSecure: false) == nil)
        }
    }

    @Test(arguments: [
        ("/a b", "the URL has a blank, a control character or one beyond ASCII in it"),
        ("/a\r\nX-Evil: 1", "the URL has a blank, a control character or one beyond ASCII in it"),
    ])
    func `what cannot be asked is not asked`(path: String, message: String) async throws {
        let request = WebSocketRequest(
            target: ConnectionTarget(host: "127.0.0.1", port: 1, isSecure: false),
            path: path,
            host: "a",
            limit: .seconds(1),
            deadline: .seconds(1)
        )
        await #expect(throws: HTTPError.badRequest(message)) { try await WebSocketClient().exchange(request) }
    }
}

extension RawServer.Log {
    /// Waits until so many connections have come to their end as `condition` wants, for at most half a minute.
    func wait(_ condition: (Int) -> Bool) {
        let end = ContinuousClock.now + .seconds(30)
        while !condition(departures.withLock(\.self)), ContinuousClock.now < end {}
    }
}

/// Waits until `condition` holds, for at most thirty seconds.
func eventually(_ condition: @Sendable () -> Bool) async {
    let end = ContinuousClock.now + .seconds(30)
    while !condition(), ContinuousClock.now < end { await Task.yield() }
}
