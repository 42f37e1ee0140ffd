import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// An HTTP/1.1 connection any request of which may turn it into a WebSocket.
///
/// NIO's own upgrade looks at the first request of a connection only. A balancer that keeps connections to its
/// servers open sends an upgrade down a used one, so each request is looked at here.
struct UpgradableConnection: ServerChildChannel {
    let http: HTTP1Channel
    let state: DemoState

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let state = state
        return http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(WebSocketUpgrade(state: state), position: .after(decoder))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}

extension HTTPServerBuilder {
    static func webSocketUpgrades(to state: DemoState) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            UpgradableConnection(http: HTTP1Channel(responder: responder), state: state)
        }
    }
}
