import DeployCore
package import DeployPorts
import HTTPClient
import WebSocketClient

/// A WebSocket is opened, something is said, and what comes is as expected: the playbook's `websocket`.
package struct WebSocketStep: StepAction {
    enum Message: Hashable, Sendable {
        case text(Template)
        case json(JSONTemplate)

        var references: [Reference] {
            switch self {
            case .text(let template): template.references
            case .json(let template): template.references
            }
        }

        func resolved(in values: Values) throws(StepFailure) -> String {
            switch self {
            case .text(let template): try template.resolved(in: values)
            case .json(let template): try template.resolved(in: values).text
            }
        }
    }

    let target: HTTPTarget
    var headers: [NamedTemplate] = []
    var subprotocols: [String] = []
    var authorization: RequestAuthorization?
    var messages: [Message] = []
    var expectation: MessageExpectation?
    var within: Span?
    var connections = 1
    /// The share of the connections that must go well.
    var success = Percent.full
    let client: WebSocketClient
    let jars: CookieJars

    package var summary: String {
        let route = target.route == .candidate ? "" : " via \(target.route.rawValue)"
        let count = connections == 1 ? "" : ", \(connections) connections"
        // A URL is kept with http for ws.
        let source = target.address.source
        let place = HTTPTarget.isURL(source) ? "ws\(source.dropFirst(4))" : source
        return "websocket \(place)\(route)\(count)"
    }

    package var isReadOnly: Bool { messages.isEmpty }

    package var references: [Reference] {
        target.address.references + headers.flatMap(\.value.references)
            + (authorization?.references ?? []) + messages.flatMap(\.references)
            + (expectation?.references ?? [])
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let place = try target.resolved(in: attempt.values, takesWebSocketURLs: true)
        var request = try makeRequest(to: place, for: attempt)
        request.cookies = await jars.jar(run: attempt.run, step: attempt.step)
        let report = WebSocketReport(
            step: self,
            target: place,
            limit: min(attempt.deadline, within ?? attempt.deadline),
            values: attempt.values
        )
        let outcomes: [WebSocketOutcome]
        do throws(HTTPError) {
            outcomes = try await client.exchange(request)
        } catch {
            throw report.failure(error)
        }
        let good = outcomes.count(where: { $0.end == .done })
        guard good * 1000 >= outcomes.count * success.tenths else { throw try report.failure(outcomes) }
        return StepResult(summary: report.summary(outcomes))
    }
}
