package import Hummingbird
import Logging
package import NIOCore

/// What is known of one request.
package struct ServerContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Who asks; `nil` where nobody was asked who he is.
    package var principal: Principal?
    /// The browser's session, where the principal came by its cookie.
    package var session: Session?
    /// Where the request comes from: an address, or `unix`; before a proxy was asked, the proxy's.
    package var source: String
    /// Named in the answer's header `X-Request-Id` and in each line of the log.
    package let requestID: String
    /// The connection; for the peer of a unix socket.
    package let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        requestID = String(UInt64.random(in: .min ... .max), radix: 16)
        self.source = source.channel.remoteAddress?.ipAddress ?? "unix"
        logger[metadataKey: "request"] = .string(requestID)
    }

    /// In bytes.
    package var maxUploadSize: Int { 1 << 20 }
}
