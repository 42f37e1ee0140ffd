import DeployCore
import DeployPorts
import HTTPClient

/// Words for a person who looks at a failed request: what was asked, what came, what was expected.
struct HTTPFailureReport {
    static let bodyLimit = 400
    private static let lineLimit = 600

    let method: String
    let target: HTTPTarget.Resolved
    /// The body that was sent.
    let sent: [UInt8]
    let values: Values

    /// `GET http://127.0.0.1:5002/api/health`, with the address where the host's name does not tell it.
    private var request: String {
        let place = target.connectTo.map { " (sent to \($0))" } ?? ""
        return PlainText.line(values.masked("\(method) \(target.url)"), limit: Self.lineLimit) + place
    }

    /// There was no answer.
    ///
    /// `limit` is the time that was given.
    func failure(_ error: HTTPError, limit: Span) -> StepFailure {
        let message =
            if case .timedOut(_, let phase) = error {
                "no answer within \(limit) (\(phase))"
            } else {
                PlainText.line(values.masked(error.message), limit: Self.lineLimit)
            }
        let isTransient =
            switch error {
            case .badRequest, .tls: false
            default: true
            }
        return StepFailure("\(request): \(message)", isTransient: isTransient)
    }

    /// There was an answer, and not the one expected.
    ///
    /// All of `mismatches` are named.
    func failure(_ response: HTTPResponse, _ mismatches: [Mismatch]) -> StepFailure {
        var lines = ["\(request) answered \(response.status) in \(response.duration.inMilliseconds)"]
        if !sent.isEmpty { lines.append("  sent      \(shown(sent))") }
        for mismatch in mismatches {
            lines.append("  expected  \(line(mismatch.expected))")
            lines.append("  answered  \(line(mismatch.answered))")
        }
        for location in response.values(of: "location") where (300...399).contains(response.status) {
            lines.append("  location  \(line(location)) (redirects are not followed)")
        }
        lines.append("  body      \(response.body.isEmpty ? "(empty)" : shown(response.body))")
        return StepFailure(lines.joined(separator: "\n"))
    }

    private func shown(_ body: [UInt8]) -> String {
        PlainText.line(values.masked(String(decoding: body, as: UTF8.self)), limit: Self.bodyLimit)
    }

    private func line(_ text: String) -> String {
        PlainText.line(values.masked(text), limit: Self.lineLimit)
    }
}
