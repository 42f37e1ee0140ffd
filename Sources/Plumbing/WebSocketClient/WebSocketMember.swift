import HTTPClient

/// One connection of a request.
///
/// Lives on its connections' thread.
final class WebSocketMember {
    private static let outputLimit = 4 << 20
    private static let othersKept = 5

    private(set) var outcome = WebSocketOutcome(end: .cancelled)
    private(set) var isUndecided = true
    /// When its time is over.
    let end: ContinuousClock.Instant
    private let request: WebSocketRequest
    private let connection: Connection
    private let start = ContinuousClock.now
    private var conversation: WebSocketConversation
    /// We said goodbye: what comes now changes nothing.
    private var isLeaving = false

    init(
        _ request: WebSocketRequest,
        in connections: ConnectionSet,
        end: ContinuousClock.Instant
    ) throws(HTTPError) {
        self.request = request
        self.end = min(start + request.limit, end)
        let target = request.target
        let cookies = request.cookies?.header(
            host: target.host,
            path: request.path,
            isSecure: target.isSecure
        )
        conversation = WebSocketConversation(request, cookies: cookies)
        connection = try connections.open(target, deadline: self.end - start)
    }

    var isOpen: Bool { connection.state == .open && !conversation.isOver }

    /// Goes on with whatever has come.
    func serve(_ connections: ConnectionSet) {
        switch connection.state {
        case .opening, .closed: break
        case .failed(let error):
            finish(error == .cancelled ? .cancelled : .unreachable(error), in: connections)
        case .open:
            do throws(HTTPError) {
                if connection.isReady { try read(connections) }
                try write()
            } catch {
                finish(.broken(error.message), in: connections)
            }
        }
        // While it is opening libcurl has the time, and tells how far it came.
        if isUndecided, connection.state == .open, ContinuousClock.now >= end {
            finish(outcome.openedAfter == nil ? .noHandshake : .noMessage, in: connections)
        }
    }

    /// Decides how it ended; one that went well stays open until all are done.
    func finish(_ end: WebSocketOutcome.End, in connections: ConnectionSet) {
        if end != .done { hangUp(connections) }
        guard isUndecided || isLost(by: end) else { return }
        isUndecided = false
        outcome.end = end
        outcome.took = ContinuousClock.now - start
        outcome.address = connection.address
    }

    /// Whether one that went well has failed all the same: among many it must last as long as the others need,
    /// unless the server takes its leave in good order.
    private func isLost(by end: WebSocketOutcome.End) -> Bool {
        guard outcome.end == .done, !isLeaving, request.connections > 1 else { return false }
        if case .closed(let close) = end { return close.code != 1000 }
        return true
    }

    func sayGoodbye(_ connections: ConnectionSet) {
        isLeaving = true
        conversation.close()
        do throws(HTTPError) { try write() } catch { hangUp(connections) }
    }

    func hangUp(_ connections: ConnectionSet) {
        if connection.state != .closed { connections.close(connection) }
    }

    // MARK: both directions

    private func write() throws(HTTPError) {
        guard conversation.output.count <= Self.outputLimit else {
            throw .tooLarge(what: "the server asks and does not read what it is answered")
        }
        while !conversation.output.isEmpty {
            let count = try connection.write(conversation.output[...])
            guard count > 0 else { break }
            conversation.sent(count)
        }
        connection.wantsToWrite = !conversation.output.isEmpty
    }

    private func read(_ connections: ConnectionSet) throws(HTTPError) {
        switch try connection.read() {
        case .nothing: break
        case .ended:
            let isAnswered = outcome.openedAfter != nil
            let early = "the connection ended before the handshake was answered"
            finish(isAnswered ? .closed(.withoutFrame) : .refused(early), in: connections)
        case .bytes(let bytes):
            do throws(WebSocketViolation) {
                for event in try conversation.receive(bytes) { take(event, connections) }
            } catch {
                try write()
                finish(.broken(error.reason), in: connections)
            }
        }
    }

    private func take(_ event: WebSocketConversation.Event, _ connections: ConnectionSet) {
        switch event {
        case .opened(let answer):
            outcome.answer = answer
            outcome.openedAfter = ContinuousClock.now - start
            request.cookies?.take(
                setCookies: answer.values(of: "set-cookie"),
                host: request.target.host
            )
            for message in request.messages { conversation.send(message) }
            if request.isAwaited == nil { finish(.done, in: connections) }
        case .refused(let reason, let answer):
            outcome.answer = answer
            finish(.refused(reason), in: connections)
        case .message(let message): take(message, connections)
        case .closed(let close):
            do throws(HTTPError) { try write() } catch { hangUp(connections) }
            finish(.closed(close), in: connections)
        }
    }

    private func take(_ message: WebSocketMessage, _ connections: ConnectionSet) {
        outcome.messageCount += 1
        if isUndecided, let isAwaited = request.isAwaited, isAwaited(message) {
            outcome.message = message
            finish(.done, in: connections)
        } else if outcome.others.count < Self.othersKept {
            outcome.others.append(message)
        }
    }
}
