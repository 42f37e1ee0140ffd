import DeployCore
import DeployPorts
import HTTPClient
import WebSocketClient

extension WebSocketStep {
    func makeRequest(
        to place: HTTPTarget.Resolved,
        for attempt: StepAttempt
    ) throws(StepFailure) -> WebSocketRequest {
        let values = attempt.values
        guard let address = WebSocketURL(place.url) else {
            throw StepFailure(
                PlainText.line(values.masked("\(place.url) is no URL of a WebSocket"), limit: 600),
                isTransient: false
            )
        }
        var target = address.target
        target.connectTo = place.connectTo
        var request = WebSocketRequest(
            target: target,
            path: address.path,
            host: address.authority,
            limit: attempt.time(within: within),
            deadline: attempt.time(within: nil)
        )
        request.connections = connections
        request.subprotocols = subprotocols
        for header in headers {
            request.headers.append(HTTPHeader(header.name, try header.value.resolved(in: values)))
        }
        if let authorization {
            request.headers.append(HTTPHeader("Authorization", try authorization.header(in: values)))
        }
        for message in messages {
            request.messages.append(.text(try message.resolved(in: values)))
        }
        if let expectation {
            // A value that is missing shall fail the step, not make every message the wrong one.
            for reference in expectation.references { _ = try values.value(of: reference.name) }
            request.isAwaited = { expectation.isMet(by: $0, values: values) }
        }
        return request
    }
}

extension RequestAuthorization {
    /// The value of the header `Authorization`.
    func header(in values: Values) throws(StepFailure) -> String {
        switch self {
        case .bearer(let token): return "Bearer \(try token.resolved(in: values))"
        case .basic(let user, let password):
            let pair = "\(try user.resolved(in: values)):\(try password.resolved(in: values))"
            return "Basic \(Base64.encode(Array(pair.utf8)))"
        }
    }
}

/// An http or https URL, taken apart for a handshake.
struct WebSocketURL {
    let target: ConnectionTarget
    /// As `Host` has it.
    let authority: String
    /// With the query.
    let path: String

    /// `nil` for what has a user in it, no host or an odd port.
    init?(_ url: String) {
        let isSecure = url.lowercased().hasPrefix("https://")
        let rest = url.drop { $0 != ":" }.dropFirst(3)
        authority = String(rest.prefix { !"/?#".contains($0) })
        let behind = rest.dropFirst(authority.count).prefix { $0 != "#" }
        path = behind.hasPrefix("/") ? String(behind) : "/" + behind
        let port = isSecure ? 443 : 80
        guard let endpoint = HTTPEndpoint(authority) ?? HTTPEndpoint("\(authority):\(port)") else {
            return nil
        }
        target = ConnectionTarget(host: endpoint.host, port: endpoint.port, isSecure: isSecure)
    }
}
