import DeployCore
import DeployPorts
import HTTPClient
import WebSocketClient

/// Words for a person who looks at WebSockets: what was sent, what came, what was expected.
struct WebSocketReport {
    private static let lineLimit = 600
    private static let bodyLimit = 400

    let step: WebSocketStep
    let target: HTTPTarget.Resolved
    let limit: Span
    let values: Values

    // MARK: it went well

    func summary(_ outcomes: [WebSocketOutcome]) -> String {
        let good = outcomes.filter { $0.end == .done }
        let times = good.map(\.took).sorted()
        let what = step.expectation == nil ? "open" : "answered"
        guard outcomes.count > 1 else { return "\(what) in \((times.first ?? .zero).inMilliseconds)" }
        let median = times[times.count / 2].inMilliseconds
        let last = (times.last ?? .zero).inMilliseconds
        return
            "\(good.count) of \(outcomes.count) connections \(what), \(median) at the median, \(last) at most"
    }

    // MARK: it did not

    /// Nothing could be sent.
    func failure(_ error: HTTPError) -> StepFailure {
        StepFailure("\(request): \(line(error.message))", isTransient: false)
    }

    /// Too few connections went well; the first that did not is told in full.
    func failure(_ outcomes: [WebSocketOutcome]) throws(StepFailure) -> StepFailure {
        let bad = outcomes.filter { $0.end != .done }
        guard let first = bad.first else { return StepFailure("\(request): failed") }
        let isTransient = bad.contains { $0.isTransient }
        let details = try details(of: first)
        guard outcomes.count > 1 else {
            let text = ["\(request): \(reason(of: first))"] + details
            return StepFailure(text.joined(separator: "\n"), isTransient: isTransient)
        }
        let good = outcomes.count - bad.count
        let share = "\(good) of \(outcomes.count) connections went well"
        var lines = ["\(request): \(share), at least \(step.success)% must"]
        var counts: [String: Int] = [:]
        for outcome in bad { counts[reason(of: outcome), default: 0] += 1 }
        for (reason, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).prefix(5) {
            lines.append("  \(count) ×  \(reason)")
        }
        lines.append("  the first of them:")
        return StepFailure((lines + details).joined(separator: "\n"), isTransient: isTransient)
    }

    /// `websocket ws://127.0.0.1:5002/ws`, with the address where the host's name does not tell it.
    private var request: String {
        let place = target.connectTo.map { " (sent to \($0))" } ?? ""
        return line("websocket ws\(target.url.dropFirst(4))") + place
    }

    /// Without times, so that the same reasons are counted together.
    private func reason(of outcome: WebSocketOutcome) -> String {
        switch outcome.end {
        case .done: "went well"
        case .unreachable(.timedOut(_, let phase)): line("no connection within \(limit) (\(phase))")
        case .unreachable(let error): line(error.message)
        case .refused(let text): line(text)
        case .noHandshake: "connected, and the handshake was not answered within \(limit)"
        case .noMessage: "no message as expected within \(limit)"
        case .closed(let close): line("the server closed: \(close)")
        case .broken(let text): line(text)
        case .cancelled: "stopped before it was answered"
        }
    }

    private func details(of outcome: WebSocketOutcome) throws(StepFailure) -> [String] {
        var lines: [String] = []
        if outcome.openedAfter != nil {
            for message in step.messages {
                lines.append("  sent      \(shown(.text(try message.resolved(in: values))))")
            }
            lines += try expectations(of: outcome)
            for message in outcome.others { lines.append("  received  \(shown(message))") }
            let more = outcome.messageCount - outcome.others.count
            if more > 0 { lines.append("  received  \(more) more") }
            if outcome.messageCount == 0, step.expectation != nil { lines.append("  received  nothing") }
        } else if let answer = outcome.answer {
            lines.append("  expected  status 101, Upgrade: websocket")
            lines.append("  answered  \(line("\(answer.status) \(answer.reason)"))")
            let body = String(decoding: answer.body, as: UTF8.self)
            lines.append("  body      \(body.isEmpty ? "(empty)" : shown(.text(body)))")
        }
        return lines
    }

    /// What the last message that is kept lacked, or what was waited for when none came.
    private func expectations(of outcome: WebSocketOutcome) throws(StepFailure) -> [String] {
        guard let expectation = step.expectation, outcome.message == nil else { return [] }
        guard let last = outcome.others.last else { return ["  expected  \(line(expectation.description))"] }
        var lines: [String] = []
        for mismatch in try expectation.mismatches(in: last, values: values) {
            lines.append("  expected  \(line(mismatch.expected))")
            lines.append("  answered  \(line(mismatch.answered))")
        }
        return lines
    }

    private func shown(_ message: WebSocketMessage) -> String {
        switch message {
        case .text(let text): PlainText.line(values.masked(text), limit: Self.bodyLimit)
        case .binary(let bytes): "\(bytes.count) bytes that are no text"
        }
    }

    private func line(_ text: String) -> String {
        PlainText.line(values.masked(text), limit: Self.lineLimit)
    }
}

extension WebSocketOutcome {
    /// Whether another attempt could help.
    fileprivate var isTransient: Bool {
        if case .unreachable(.tls) = end { false } else { true }
    }
}
