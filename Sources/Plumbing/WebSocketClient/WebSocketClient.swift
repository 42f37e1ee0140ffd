package import HTTPClient

/// Opens WebSockets (RFC 6455), says something, waits for an answer and closes.
///
/// All connections of a request share one thread. Each ends at its limit, all at the deadline, and within
/// milliseconds when the task is cancelled.
package struct WebSocketClient: Sendable {
    private let http: HTTPClient

    package init(http: HTTPClient = HTTPClient()) { self.http = http }

    /// One outcome for each of `request.connections`, in the order in which they were begun.
    ///
    /// Fails only when nothing can be sent at all: a bad request, no libcurl.
    package func exchange(_ request: WebSocketRequest) async throws(HTTPError) -> [WebSocketOutcome] {
        if let complaint = request.complaint { throw .badRequest(complaint) }
        return try await http.withConnections { connections throws(HTTPError) in
            var crowd = WebSocketCrowd(request, connections)
            return try crowd.run()
        }
    }
}

/// The connections of one request, from the first to the last.
private struct WebSocketCrowd {
    /// A server's queue of connections is often not longer than 128.
    private static let handshakesAtOnce = 64
    /// How long the others get to answer our goodbye.
    private static let farewell = Duration.seconds(1)

    private let request: WebSocketRequest
    private let connections: ConnectionSet
    private let end: ContinuousClock.Instant
    private var members: [WebSocketMember] = []

    init(_ request: WebSocketRequest, _ connections: ConnectionSet) {
        self.request = request
        self.connections = connections
        end = ContinuousClock.now + request.deadline
    }

    mutating func run() throws(HTTPError) -> [WebSocketOutcome] {
        while members.count < request.connections || members.contains(where: \.isUndecided) {
            if connections.isStopped {
                for member in members { member.finish(.cancelled, in: connections) }
                break
            }
            try begin()
            connections.wait(atMost: untilNext(members.lazy.filter(\.isUndecided).map(\.end).min()))
            for member in members { member.serve(connections) }
        }
        sayGoodbye()
        let missing = request.connections - members.count
        return members.map(\.outcome) + (0..<missing).map { _ in WebSocketOutcome(end: .cancelled) }
    }

    /// Opens more connections while few are between their beginning and the answer to their handshake.
    private mutating func begin() throws(HTTPError) {
        let under = members.count(where: { $0.isUndecided && $0.outcome.openedAfter == nil })
        let room = min(Self.handshakesAtOnce - under, request.connections - members.count)
        for _ in 0..<max(0, room) {
            members.append(try WebSocketMember(request, in: connections, end: end))
        }
    }

    /// Closes those that are open by RFC 6455, section 7: a close frame, then the other side's.
    private func sayGoodbye() {
        let open = members.filter(\.isOpen)
        let end = ContinuousClock.now + Self.farewell
        for member in open { member.sayGoodbye(connections) }
        while open.contains(where: \.isOpen), !connections.isStopped, ContinuousClock.now < end {
            connections.wait(atMost: untilNext(end))
            for member in open { member.serve(connections) }
        }
        for member in members { member.hangUp(connections) }
    }

    private func untilNext(_ instant: ContinuousClock.Instant?) -> Duration {
        let left = (instant ?? .now) - .now
        return max(.milliseconds(1), min(left, .seconds(1)))
    }
}
