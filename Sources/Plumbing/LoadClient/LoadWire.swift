internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// One connection: a request, its answer, the next request.
///
/// Lives on its crew's thread.
final class LoadWire: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// How an answer ended.
    enum End {
        case answered(status: Int)
        case failed(LoadFault)
        /// The server had closed the connection before it saw the request: it may be sent once more.
        case stale
    }

    private static let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")

    private let prepared: PreparedRequest
    private let onEnd: (LoadWire, End) -> Void
    private var context: ChannelHandlerContext?
    private var isBusy = false
    private var answers = 0
    private var answer: (status: Int, isKeptAlive: Bool)?
    private(set) var isClosed = false

    init(_ prepared: PreparedRequest, onEnd: @escaping (LoadWire, End) -> Void) {
        self.prepared = prepared
        self.onEnd = onEnd
    }

    /// Sends a request now, or as soon as the connection is there.
    func send(_ bytes: ByteBuffer) {
        prepared.bytes = bytes
        isBusy = true
        answer = nil
        guard let context else { return }
        // The decoder has to see a head go by to expect an answer.
        context.writeAndFlush(wrapOutboundOut(.head(Self.head)), promise: nil)
    }

    /// Nobody waits any more.
    func close() {
        isBusy = false
        isClosed = true
        context?.close(promise: nil)
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        if isClosed { return context.close(promise: nil) }
        if isBusy { context.writeAndFlush(wrapOutboundOut(.head(Self.head)), promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer = (Int(head.status.code), head.isKeepAlive)
        case .body: break
        case .end:
            guard let answer, isBusy else { return }
            isBusy = false
            answers += 1
            if !answer.isKeptAlive { close() }
            onEnd(self, .answered(status: answer.status))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        isClosed = true
        fail(answers > 0 && answer == nil ? .stale : .failed(.cutOff))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Closing tells of the end at once: what ended it has to be told first.
        defer { context.close(promise: nil) }
        isClosed = true
        switch error {
        case let error as HTTPParserError: fail(.failed(.malformed("\(error)")))
        case is NIOHTTPDecoderError: fail(.failed(.malformed("more than one answer came")))
        case NIOSSLError.handshakeFailed(let reason): fail(.failed(.tls("\(reason)")))
        case let error as NIOSSLExtraError: fail(.failed(.tls("\(error)")))
        default: fail(answers > 0 && answer == nil ? .stale : .failed(.cutOff))
        }
    }

    private func fail(_ end: End) {
        guard isBusy else { return }
        isBusy = false
        onEnd(self, end)
    }
}

/// Writes the bytes of a request that were made once, in place of a head that would be encoded each time.
final class PreparedRequest: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = ByteBuffer

    var bytes = ByteBuffer()

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(wrapOutboundOut(bytes), promise: promise)
    }
}
