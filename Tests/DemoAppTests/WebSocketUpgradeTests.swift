import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOWebSocket
import Testing

@testable import DemoApp

struct WebSocketUpgradeTests {
    private static let request = """
        GET /ws HTTP/1.1\r
        Host: demo\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Version: 13\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        \r

        """

    private let state = DemoState(identity: Identity(environment: "blue", version: "v1"))

    private func connection() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        // As Hummingbird sets it up.
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withErrorHandling: false,
            withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: .init()
        )
        try channel.pipeline.syncOperations.addHandler(WebSocketUpgrade(state: state))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    /// Sends bytes, and lets the handlers that leave the pipeline leave it.
    private func receive(_ bytes: ByteBuffer, on channel: EmbeddedChannel) throws {
        try channel.writeInbound(bytes)
        channel.embeddedEventLoop.run()
    }

    /// Everything written so far, as Latin-1: one character a byte.
    private func written(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            text += part.readableBytesView.map { String(UnicodeScalar($0)) }.joined()
        }
        return text
    }

    private func frame(_ opcode: WebSocketOpcode, _ text: String) -> ByteBuffer {
        // A key of zeros leaves the payload as it is; short payloads have a one-byte length.
        var frame = ByteBuffer(bytes: [0x80 | UInt8(webSocketOpcode: opcode), 0x80 | UInt8(text.utf8.count)])
        frame.writeBytes([0, 0, 0, 0])
        frame.writeString(text)
        return frame
    }

    @Test func `a ping is answered by a pong that names the environment`() throws {
        let channel = try connection()
        try receive(ByteBuffer(string: Self.request), on: channel)
        let answer = try written(channel)
        #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        // The accept value of RFC 6455, section 1.3.
        #expect(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(state.sockets.count.active == 1)

        try receive(frame(.text, #"{"type":"ping"}"#), on: channel)
        let pong = try written(channel)
        #expect(pong.contains(#""type":"pong""#))
        #expect(pong.contains(#""environment":"blue""#))

        try receive(frame(.connectionClose, ""), on: channel)
        #expect(!channel.isActive)
        #expect(state.sockets.count == .init(active: 0, opened: 1))
    }

    @Test func `the second request of a connection may become a WebSocket`() throws {
        let channel = try connection()
        try channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: demo\r\n\r\n"))
        #expect(try channel.readInbound(as: HTTPServerRequestPart.self) != nil)
        let head = HTTPResponseHead(version: .http1_1, status: .noContent)
        try channel.writeOutbound(HTTPServerResponsePart.head(head))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        _ = try written(channel)

        try receive(ByteBuffer(string: Self.request), on: channel)
        #expect(try written(channel).hasPrefix("HTTP/1.1 101"))
        _ = try channel.finish()
    }

    @Test func `a draining environment leaves the upgrade to the router and counts it as refused`() throws {
        let channel = try connection()
        state.sockets.drain(true)
        try receive(ByteBuffer(string: Self.request), on: channel)
        guard case .head(let head) = try channel.readInbound(as: HTTPServerRequestPart.self) else {
            Issue.record("the request did not reach the router")
            return
        }
        #expect(head.uri == "/ws")
        #expect(state.sockets.count == .init(draining: true, refused: 1))
        _ = try channel.finish()
    }

    @Test func `the end of the process says going away to open WebSockets`() throws {
        let channel = try connection()
        try receive(ByteBuffer(string: Self.request), on: channel)
        _ = try written(channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(try written(channel) == "\u{88}\u{2}\u{3}\u{e9}")
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }
}
