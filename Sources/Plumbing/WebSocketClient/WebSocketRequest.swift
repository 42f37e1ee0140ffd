package import HTTPClient

/// What to open, say and wait for, on one connection or on many at once.
package struct WebSocketRequest: Sendable {
    package var target: ConnectionTarget
    /// With the query: `/socket.io/?EIO=4&transport=websocket`.
    package var path: String
    /// The value of `Host`.
    package var host: String
    package var headers: [HTTPHeader] = []
    package var subprotocols: [String] = []
    /// Sent one after the other as soon as the connection is open.
    package var messages: [WebSocketMessage] = []
    /// Whether a message is the one that is waited for; `nil` when being open is enough.
    package var isAwaited: (@Sendable (WebSocketMessage) -> Bool)?
    /// Sent with the handshake and filled by its answer.
    package var cookies: CookieJar?
    /// So many at once, all open until the last is done.
    package var connections = 1
    /// For each connection, from its beginning until its answer is there.
    package var limit: Duration
    /// For everything.
    package var deadline: Duration
    /// The most bytes that a message may have.
    package var messageLimit = 1 << 20

    package init(
        target: ConnectionTarget,
        path: String,
        host: String,
        limit: Duration,
        deadline: Duration
    ) {
        self.target = target
        self.path = path
        self.host = host
        self.limit = limit
        self.deadline = deadline
    }

    /// Why it cannot be sent; `nil` when it can.
    var complaint: String? {
        let isClean = { (text: String) in
            !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        guard path.hasPrefix("/"), isClean(path), isClean(host) else {
            return "the URL has a blank, a control character or one beyond ASCII in it"
        }
        guard subprotocols.allSatisfy(HTTPHeader.isToken) else { return "a subprotocol is not a plain word" }
        return headers.lazy.compactMap(\.complaint).first
    }
}

/// What became of one connection.
package struct WebSocketOutcome: Sendable {
    package enum End: Hashable, Sendable {
        /// Open, and the message that was waited for, where one was, is there.
        case done
        /// There was no connection.
        case unreachable(HTTPError)
        /// The handshake was answered by something else.
        case refused(String)
        /// The time was over before the handshake was answered.
        case noHandshake
        /// The time was over before the message came.
        case noMessage
        case closed(WebSocketClose)
        case broken(String)
        case cancelled
    }

    package internal(set) var end: End
    /// Until the handshake was answered; `nil` when it never was.
    package internal(set) var openedAfter: Duration?
    /// Until the end.
    package internal(set) var took = Duration.zero
    package internal(set) var address = ""
    package internal(set) var answer: WebSocketAnswer?
    /// The message that was waited for.
    package internal(set) var message: WebSocketMessage?
    /// The first of the others, in their order.
    package internal(set) var others: [WebSocketMessage] = []
    /// How many came in all.
    package internal(set) var messageCount = 0
}
