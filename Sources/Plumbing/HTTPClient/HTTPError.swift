/// Why there is no answer.
///
/// What the server has done with the request is known for the first five cases only: it never got it.
package enum HTTPError: Error, Hashable, Sendable {
    /// The request itself cannot be sent: not http(s), a line break in a header, no libcurl.
    case badRequest(String)
    case unresolved(host: String)
    /// Nothing listens there.
    case refused(address: String)
    /// No way to that address, or one that is never connected to.
    case unreachable(address: String, reason: String)
    /// The certificate or the handshake.
    case tls(reason: String)
    case timedOut(after: Duration, phase: TimeoutPhase)
    /// The transfer was ended at the limit; `what` says which.
    case tooLarge(what: String)
    /// Not HTTP.
    case malformed(reason: String)
    /// The connection ended before the answer did.
    case cutOff(reason: String)
    /// The task was cancelled and the connection closed.
    case cancelled

    /// How far a transfer had come when its time was over.
    package enum TimeoutPhase: Hashable, Sendable, CustomStringConvertible {
        case resolving(host: String)
        case connecting(address: String)
        case handshake(address: String)
        /// Nothing but perhaps a part of the headers came.
        case waiting(connectedAfter: Duration, headerBytes: Int)
        case receiving(status: Int, bodyBytes: Int)

        /// Whether the connection was not there yet.
        var isBeforeRequest: Bool {
            switch self {
            case .resolving, .connecting, .handshake: true
            case .waiting, .receiving: false
            }
        }

        package var description: String {
            switch self {
            case .resolving(let host): "the name \(host) was not resolved"
            case .connecting(let address): "no connection to \(address)"
            case .handshake(let address): "connected to \(address), then no TLS handshake"
            case .waiting(let time, 0): "connected after \(time.inMilliseconds), then nothing"
            case .waiting(let time, let bytes):
                "connected after \(time.inMilliseconds), then \(bytes) bytes of unfinished headers"
            case .receiving(let status, let bytes):
                "status \(status) and \(bytes) bytes of an unfinished body came"
            }
        }
    }

    /// For a person, without the URL.
    package var message: String {
        switch self {
        case .badRequest(let text): text
        case .unresolved(let host): "the name \(host) cannot be resolved"
        case .refused(let address): "connection refused (nothing listens on \(address))"
        case .unreachable(let address, let reason): "no connection to \(address): \(reason)"
        case .tls(let reason): reason
        case .timedOut(let time, let phase): "no answer within \(time.inMilliseconds) (\(phase))"
        case .tooLarge(let what): what
        case .malformed(let reason): "the answer is not HTTP: \(reason)"
        case .cutOff(let reason): reason
        case .cancelled: "stopped before it was answered"
        }
    }
}

extension Duration {
    /// `4 ms`; `<1 ms` when it is shorter.
    package var inMilliseconds: String {
        wholeMilliseconds == 0 ? "<1 ms" : "\(wholeMilliseconds) ms"
    }

    /// Rounded towards zero.
    package var wholeMilliseconds: Int {
        Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
