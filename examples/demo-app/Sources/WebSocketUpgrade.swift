import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns the connection into a WebSocket when a request for `/ws` asks for it (RFC 6455, section 4.2).
///
/// Everything else, and an upgrade while the environment drains, goes on to the router.
final class WebSocketUpgrade: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let state: DemoState
    private var unanswered = 0
    private var accepted: HTTPRequestHead?

    init(state: DemoState) {
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head) where unanswered == 0 && Self.wantsWebSocket(head) && state.sockets.enter():
            accepted = head
            return
        case .head:
            unanswered += 1
        case .body, .end:
            guard let head = accepted else { break }
            if case .end = unwrapInboundIn(data) { upgrade(head, context) }
            return
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leaveUnlessSessionDoes()
        context.fireChannelInactive()
    }

    /// A client may vanish between the head of its request and the end.
    private func leaveUnlessSessionDoes() {
        if accepted != nil { state.sockets.left() }
        accepted = nil
    }

    private static func wantsWebSocket(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET && head.uri.prefix { $0 != "?" } == "/ws"
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && head.headers["sec-websocket-version"] == ["13"]
            && head.headers["sec-websocket-key"].count == 1
    }

    private func upgrade(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
        upgrader.buildUpgradeResponse(
            channel: context.channel,
            upgradeRequest: head,
            initialResponseHeaders: [:]
        )
        .assumeIsolated()
        .whenComplete { result in
            do {
                try self.replaceHTTP(answering: result.get(), context)
            } catch {
                context.close(promise: nil)
            }
        }
    }

    /// Answers 101, then puts frames in the place of HTTP.
    ///
    /// Hummingbird's handlers stay where they are, nearer the tail: they see no more than the end of the
    /// connection, which is what makes them let go of it.
    private func replaceHTTP(answering headers: HTTPHeaders, _ context: ChannelHandlerContext) throws {
        let answer = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandlers(
            [
                WebSocketFrameEncoder(),
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 14)),
                WebSocketProtocolErrorHandler(),
                NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 0,
                    maxAccumulatedFrameCount: 64,
                    maxAccumulatedFrameSize: 1 << 16
                ),
                WebSocketSession(state: state),
            ],
            position: .after(self)
        )
        accepted = nil
        try pipeline.removeHandler(
            context: pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self),
            promise: nil
        )
        try pipeline.removeHandler(
            context: pipeline.context(handlerType: HTTPResponseEncoder.self),
            promise: nil
        )
        pipeline.removeHandler(context: context, promise: nil)
    }
}
