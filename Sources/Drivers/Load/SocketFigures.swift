import DeployCore
import DeployPorts
import HTTPClient
import WebSocketClient

/// What became of the WebSockets that were held during the load.
struct SocketFigures: Hashable, Sendable {
    private(set) var good = 0
    private(set) var faults: [String: Int] = [:]

    var bad: Int { faults.values.reduce(0, +) }
    var count: Int { good + bad }

    mutating func add(_ outcome: WebSocketOutcome) {
        switch outcome.end {
        // It was never tried to the end.
        case .cancelled where outcome.openedAfter == nil: break
        // Its time was over while it was open, or the server took its leave in good order.
        case .done, .noMessage, .cancelled: good += 1
        case .closed(let close) where close.code == 1000: good += 1
        case .closed: fail("closed by the server")
        case .unreachable(let error): fail(error.message)
        case .refused(let reason): fail("handshake refused: \(reason)")
        case .noHandshake: fail("no answer to the handshake in time")
        case .broken(let reason): fail("broke: \(reason)")
        }
    }

    mutating func fail(_ reason: String, count: Int = 1) {
        // What a server says may differ each time.
        let key = faults.count < 20 || faults[reason] != nil ? reason : "other"
        faults[key, default: 0] += count
    }
}

/// WebSockets that are held while the load goes on: opened, kept, closed and opened anew, again and again.
struct LoadSockets: Hashable, Sendable {
    /// Shorter than the patience of servers that want to be answered in words of their own, as Socket.IO does.
    private static let hold = Duration.seconds(20)
    /// How the usual server of Socket.IO 3 and later is asked, where the playbook names no path.
    static let usualPath = "/socket.io/?EIO=4&transport=websocket"

    let path: LoadPath
    let connections: Int

    /// Goes on until the task is cancelled.
    func hold(
        at place: LoadTarget.Resolved,
        headers: [HTTPHeader],
        values: Values,
        client: WebSocketClient,
        clock: any Timekeeper
    ) async throws(StepFailure) -> SocketFigures {
        var request = WebSocketRequest(
            target: place.target,
            path: place.prefix + (try path.resolved(in: values)),
            host: place.authority,
            limit: Self.hold,
            deadline: Self.hold
        )
        request.connections = connections
        request.headers = headers
        request.isAwaited = { _ in false }
        var figures = SocketFigures()
        while !Task.isCancelled {
            let before = figures.bad
            do throws(HTTPError) {
                for outcome in try await client.exchange(request) { figures.add(outcome) }
            } catch {
                throw StepFailure("the WebSockets cannot be opened: \(error.message)", isTransient: false)
            }
            // A server that refuses them is not to be asked thousands of times a second.
            guard figures.bad == before else {
                do { try await clock.sleep(for: .seconds(1)) } catch { break }
                continue
            }
        }
        return figures
    }
}
