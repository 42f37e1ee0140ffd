/// A whole message, put together from its fragments.
package enum WebSocketMessage: Hashable, Sendable {
    case text(String)
    case binary([UInt8])

    var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .binary(let bytes): bytes
        }
    }
}

/// How the other side closed.
package struct WebSocketClose: Hashable, Sendable, CustomStringConvertible {
    /// RFC 6455, section 7.4; 1005 when the frame had none, 1006 when no frame came.
    package let code: Int
    package let reason: String

    package init(code: Int, reason: String = "") {
        self.code = code
        self.reason = reason
    }

    static let withoutFrame = WebSocketClose(code: 1006)

    package var description: String {
        let words =
            switch code {
            case 1000: "normal"
            case 1001: "going away"
            case 1002: "protocol error"
            case 1003: "unsupported data"
            case 1005: "no status"
            case 1006: "the connection ended without a close frame"
            case 1007: "invalid data"
            case 1008: "policy"
            case 1009: "too big"
            case 1011: "server error"
            case 1012: "service restart"
            case 1013: "try again later"
            default: ""
            }
        return [String(code), words, reason].filter { !$0.isEmpty }.joined(separator: " ")
    }
}

/// What the server did that RFC 6455 forbids, or that is over a limit.
package struct WebSocketViolation: Error, Hashable, Sendable {
    package let reason: String
    /// The close code that tells the server.
    let code: Int

    static func broken(_ reason: String) -> WebSocketViolation { Self(reason: reason, code: 1002) }
    static func tooBig(_ reason: String) -> WebSocketViolation { Self(reason: reason, code: 1009) }
    static func notText(_ reason: String) -> WebSocketViolation { Self(reason: reason, code: 1007) }
}
