import DeployCore
import DeployPorts
import HTTPClient
import PostgresClient

/// Words for a person who looks at a statement: what was asked, what came, what was expected.
struct PostgresReport {
    private static let lineLimit = 600

    let place: String
    let statement: String
    let limit: Span
    let writes: Bool
    let values: Values
    let password: String?

    func summary(_ answer: PostgresAnswer) -> String {
        let connected = "connected after \(answer.connectedAfter.inMilliseconds)"
        let changed = writes ? answer.changed.map { "\($0) rows, " } ?? "" : ""
        return "\(changed)answered in \(answer.duration.inMilliseconds), \(connected)"
    }

    /// The URL could not be read.
    static func failure(before error: PostgresError) -> StepFailure {
        guard case .badRequest(let text) = error else { return StepFailure("postgres: no connection") }
        return StepFailure("postgres: \(text)", isTransient: false)
    }

    func failure(_ answer: PostgresAnswer, _ mismatches: [Mismatch]) -> StepFailure {
        let done = writes ? "; the statement is committed" : ""
        var lines: [String] = []
        for mismatch in mismatches {
            lines.append("  expected  \(line(mismatch.expected))")
            lines.append("  answered  \(line(mismatch.answered))")
        }
        return told(
            "answered in \(answer.duration.inMilliseconds), and not as expected\(done)",
            lines,
            isTransient: !writes
        )
    }

    func failure(_ error: PostgresError) -> StepFailure {
        switch error {
        case .badRequest(let text): told(text, isTransient: false)
        case .unreachable(let reasons):
            told("no connection within \(limit)", reasons.map { "  server    \(line($0))" })
        case .refused(let problem): refusal(problem)
        case .cutOff(let reason, let outcome):
            told("the connection ended: \(reason)\(words(outcome))", isTransient: outcome != .unknown)
        case .timedOut(let outcome):
            told("no answer within \(limit)\(words(outcome))", isTransient: outcome != .unknown)
        case .tooLarge(let text): told(text + words(.rolledBack), isTransient: false)
        case .cancelled(let outcome):
            told("stopped before it was answered\(words(outcome))", isTransient: false)
        }
    }

    private func refusal(_ problem: SQLProblem) -> StepFailure {
        var lines: [String] = []
        if !problem.detail.isEmpty { lines.append("  detail    \(line(problem.detail))") }
        if !problem.hint.isEmpty { lines.append("  hint      \(line(problem.hint))") }
        if problem.state == "25006" {
            lines.append(
                "  hint      a query only looks; `statement` with `writes: true` may change something"
            )
        }
        // Classes 08, 40, 53, 55 and 57: connections, collisions, resources, locks, an operator's hand.
        let isTransient = ["08", "40", "53", "55", "57"].contains { problem.state.hasPrefix($0) }
        return told("\(problem.message) (SQLSTATE \(problem.state))", lines, isTransient: isTransient)
    }

    private func words(_ outcome: PostgresError.Outcome) -> String {
        guard writes else { return "" }
        return switch outcome {
        case .notSent: "; the statement was not sent"
        case .rolledBack: "; nothing of the statement is in force"
        case .unknown: "; it is not known whether the statement was committed"
        }
    }

    private func told(_ text: String, _ more: [String] = [], isTransient: Bool = true) -> StepFailure {
        let key = writes ? "statement " : "query     "
        let head = ["postgres \(line(place)): \(line(text))", "  \(key)\(line(statement))"]
        return StepFailure((head + more).joined(separator: "\n"), isTransient: isTransient)
    }

    private func line(_ text: String) -> String {
        PlainText.line(values.masked(text, password: password), limit: Self.lineLimit)
    }
}
