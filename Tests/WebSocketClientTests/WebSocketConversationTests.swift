import HTTPClient
import Testing

@testable import WebSocketClient

@Suite struct WebSocketConversationTests {
    /// Of RFC 6455, section 1.3.
    @Test func `the accept value is that of the RFC`() {
        #expect(WebSocketHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    /// Of RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `Base64 is that of the RFC`(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
    }

    /// Of RFC 6455, section 5.7: a masked "Hello", and a length in two and in eight bytes.
    @Test func `frames are written as in the RFC`() {
        let hello = WebSocketFrame(opcode: .text, payload: Array("Hello".utf8))
        #expect(
            hello.masked(with: [0x37, 0xFA, 0x21, 0x3D])
                == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        )
        let longer = WebSocketFrame(opcode: .binary, payload: [UInt8](repeating: 7, count: 256))
        #expect(longer.masked(with: [0, 0, 0, 0]).prefix(4) == [0x82, 0xFE, 0x01, 0x00])
        let long = WebSocketFrame(opcode: .binary, payload: [UInt8](repeating: 7, count: 65_536))
        #expect(long.masked(with: [0, 0, 0, 0]).prefix(10) == [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0])
    }

    /// A conversation that is open.
    private static func open(_ request: WebSocketRequest = .sample) throws -> WebSocketConversation {
        var conversation = WebSocketConversation(request, cookies: nil)
        let request = String(decoding: conversation.output, as: UTF8.self)
        let key = try #require(request.firstMatch(of: /Sec-WebSocket-Key: (\S+)/)).output.1
        conversation.sent(conversation.output.count)
        let answer =
            "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            + "sec-websocket-accept: \(WebSocketHandshake.accept(key: String(key)))\r\n\r\n"
        // Byte by byte, as a slow network brings it.
        for byte in answer.utf8 { _ = try conversation.receive([byte]) }
        return conversation
    }

    @Test func `a message comes whole however it is cut`() throws {
        let bytes: [UInt8] =
            [0x01, 3] + Array("Hel".utf8) + [0x89, 2, 1, 2] + [0x80, 2] + Array("lo".utf8) + [0x82, 1, 0xFF]
        for size in 1...bytes.count {
            var conversation = try Self.open()
            var events: [WebSocketConversation.Event] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                events += try conversation.receive(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(events == [.message(.text("Hello")), .message(.binary([0xFF]))])
            // A pong, with the ping's own bytes under its mask.
            #expect(conversation.output.prefix(2) == [0x8A, 0x82])
            let mask = Array(conversation.output[2..<6])
            #expect(zip(conversation.output[6...], mask).map(^) == [1, 2])
        }
    }

    @Test(
        arguments: [
            ([0xC1, 0], "a reserved bit is set, and no extension was agreed", 1002),
            ([0x83, 0], "there is no frame of type 3", 1002),
            ([0x81, 0x80, 0, 0, 0, 0], "a frame of the server is masked", 1002),
            ([0x09, 0], "a control frame is fragmented or longer than 125 bytes", 1002),
            ([0x89, 126, 0, 126], "a control frame is fragmented or longer than 125 bytes", 1002),
            ([0x80, 0], "a message goes on that never began", 1002),
            ([0x01, 0, 0x81, 0], "a message begins before the one before it has ended", 1002),
            ([0x81, 2, 0xC3, 0x28], "a text message is not UTF-8", 1007),
            ([0x88, 1, 3], "a close frame has half a code", 1002),
            ([0x88, 2, 0x03, 0xE7], "there is no close code 999", 1002),
            (
                [0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0],
                "a frame of 18374686479671623680 bytes; 100 are the limit", 1009
            ),
            (
                [0x02, 60] + [UInt8](repeating: 0, count: 60) + [0x00, 60] + [UInt8](repeating: 0, count: 60),
                "a message of more than 100 bytes", 1009
            ),
        ] as [([UInt8], String, Int)]
    )
    func `what the RFC forbids ends the conversation and says so`(
        bytes: [UInt8],
        reason: String,
        code: Int
    ) throws {
        var conversation = try Self.open()
        let violation = #expect(throws: WebSocketViolation.self) { try conversation.receive(bytes) }
        #expect(violation?.reason == reason)
        let goodbye = conversation.output
        #expect(goodbye.prefix(2) == [0x88, 0x82])
        let payload = zip(goodbye[6...], goodbye[2..<6]).map(^)
        #expect(Int(payload[0]) << 8 | Int(payload[1]) == code)
        #expect(conversation.isOver)
    }

    @Test func `random bytes never trap`() throws {
        let seed = UInt64.random(in: 1...UInt64.max)
        var state = seed
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
        for _ in 0..<300 {
            var conversation = try Self.open()
            do throws(WebSocketViolation) {
                for _ in 0..<8 { _ = try conversation.receive((0..<(next() % 32)).map { _ in next() }) }
            } catch {
                #expect(conversation.isOver, "seed \(seed)")
            }
        }
    }

    @Test func `many small fragments take no time worth speaking of`() throws {
        var request = WebSocketRequest.sample
        request.messageLimit = 1 << 20
        var conversation = try Self.open(request)
        let start = ContinuousClock.now
        _ = try conversation.receive([0x02, 0])
        let chunk = [UInt8]((0..<10_000).flatMap { _ in [0x00, 1, 7] as [UInt8] })
        for _ in 0..<20 { _ = try conversation.receive(chunk) }
        // With a copy for each fragment it took minutes.
        #expect(ContinuousClock.now - start < .seconds(30))
    }
}

extension WebSocketRequest {
    /// That takes messages of at most 100 bytes.
    fileprivate static var sample: WebSocketRequest {
        var request = WebSocketRequest(
            target: ConnectionTarget(host: "a", port: 80, isSecure: false),
            path: "/",
            host: "a",
            limit: .seconds(1),
            deadline: .seconds(1)
        )
        request.messageLimit = 100
        return request
    }
}
