import NIOCore
import NIOWebSocket

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Answers `{"type": "ping"}` with a pong that names the environment, so that a client sees which one it is on.
final class WebSocketSession: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private struct Message: Decodable { let type: String }

    private struct Reply: Encodable {
        let type: String
        let timestamp: Int
        let environment: String
        let version: String
    }

    private let state: DemoState
    private var closing = false

    init(state: DemoState) {
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            reply(to: frame.unmaskedData, context)
        case .ping:
            send(.pong, frame.unmaskedData, context)
        case .connectionClose:
            if !closing { send(.connectionClose, frame.unmaskedData, context) }
            context.close(promise: nil)
        default:
            break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.sockets.left()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            goAway(context)
        case ChannelEvent.inputClosed:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func reply(to text: ByteBuffer, _ context: ChannelHandlerContext) {
        let message = try? JSONDecoder().decode(Message.self, from: Data(text.readableBytesView))
        let reply = Reply(
            type: message?.type == "ping" ? "pong" : "unknown",
            timestamp: Int(Date().timeIntervalSince1970 * 1000),
            environment: state.identity.environment,
            version: state.identity.version
        )
        guard let json = try? JSONEncoder().encode(reply) else { return }
        send(.text, ByteBuffer(bytes: json), context)
    }

    /// Says "going away" (RFC 6455, section 7.4.1), and waits two seconds for the client's own Close.
    private func goAway(_ context: ChannelHandlerContext) {
        guard !closing else { return }
        closing = true
        var code = context.channel.allocator.buffer(capacity: 2)
        code.write(webSocketErrorCode: .goingAway)
        send(.connectionClose, code, context)
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { context.close(promise: nil) }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
