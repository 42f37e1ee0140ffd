/// Why a request was not answered well.
package enum LoadFault: Hashable, Sendable, CustomStringConvertible {
    /// 400 or more, or one that no answer ends with.
    case status(Int)
    case refused
    case unreachable(String)
    /// The certificate or the handshake.
    case tls(String)
    case timedOut
    /// The connection ended before the answer did.
    case cutOff
    /// Not HTTP.
    case malformed(String)
    /// It was due, and no connection became free within its time.
    case neverSent

    package var description: String {
        switch self {
        case .status(let code): "status \(code)"
        case .refused: "connection refused"
        case .unreachable(let reason): "no connection: \(reason)"
        case .tls(let reason): "no TLS: \(reason)"
        case .timedOut: "no answer in time"
        case .cutOff: "the connection ended before the answer did"
        case .malformed(let reason): "the answer is not HTTP: \(reason)"
        case .neverSent: "all connections were busy for the whole time of the request"
        }
    }
}

/// What became of the requests.
package struct LoadFigures: Sendable {
    /// Answered well.
    package var good = 0
    package var faults: [LoadFault: Int] = [:]
    /// Of the good ones, and of those that were given up, with the time for which was waited.
    package var latency = LatencyRecord()
    /// Sent once more over a new connection, since the server had closed the old one.
    package var resent = 0

    package init() {}

    package var bad: Int { faults.values.reduce(0, +) }
    package var count: Int { good + bad }

    package static func += (left: inout Self, right: Self) {
        left.good += right.good
        left.faults.merge(right.faults, uniquingKeysWith: +)
        left.latency += right.latency
        left.resent += right.resent
    }
}
