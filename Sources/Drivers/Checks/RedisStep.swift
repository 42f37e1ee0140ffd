import DeployCore
package import DeployPorts
import HTTPClient
package import RedisClient

/// A command and its answer: the playbook's `redis`.
package struct RedisStep: StepAction {
    let url: URLTemplate
    let command: [Template]
    let expectation: ValueExpectation?
    let within: Span?
    let writes: Bool
    /// PEM file of the authorities to trust.
    let caFile: String?
    let client: RedisClient

    /// The playbook's `redis`.
    package static func kind(client: RedisClient = RedisClient()) -> StepKind {
        StepKind(key: "redis", schema: schema) { value, _, context, diagnostics in
            read(value, folder: context.folder, client: client, diagnostics: diagnostics)
        }
    }

    package var summary: String { "redis \(command.map(\.source).joined(separator: " "))" }
    package var isReadOnly: Bool { !writes }

    package var references: [Reference] {
        url.references + command.flatMap(\.references) + (expectation?.references ?? [])
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let values = attempt.values
        guard var address = RedisAddress(try url.resolved(in: values)) else {
            throw StepFailure(
                "redis: not a URL such as redis://USER:PASSWORD@HOST:6379/0, rediss:// for TLS, or unix:///PATH "
                    + "(it is not shown; special characters of a password must be percent-encoded)",
                isTransient: false
            )
        }
        address.target.caFile = caFile
        var words: [String] = []
        for word in command { words.append(try word.resolved(in: values)) }
        let report = Report(
            place: address.place,
            command: words.joined(separator: " "),
            limit: min(attempt.deadline, within ?? attempt.deadline),
            writes: writes,
            mask: { values.masked($0, password: address.password) }
        )
        let answer: RedisAnswer
        do throws(RedisError) {
            answer = try await client.send(words, to: address, deadline: attempt.time(within: within))
        } catch {
            throw report.failure(error)
        }
        if case .error(let text) = answer.reply { throw report.failure(errorReply: text) }
        let found = answer.reply.found
        if let expectation, !(try expectation.isMet(by: found, values: values)) {
            throw report.failure(expected: try expectation.described(in: values), found, answer.duration)
        }
        return StepResult(summary: "answered in \(answer.duration.inMilliseconds)")
    }
}

extension RedisReply {
    /// A status and a number are texts as every other value.
    fileprivate var found: ValueExpectation.Found {
        switch self {
        case .text(let text), .error(let text): .text(text)
        case .integer(let number): .text(String(number))
        case .null: .null
        case .list(let parts): .list(parts.map(\.found))
        }
    }
}

extension RedisStep {
    /// Words for a person who looks at a failed command.
    fileprivate struct Report {
        private static let lineLimit = 400

        let place: String
        let command: String
        let limit: Span
        let writes: Bool
        let mask: (String) -> String

        func failure(_ error: RedisError) -> StepFailure {
            let unknown = writes ? "; it is not known whether the command was carried out" : ""
            switch error {
            case .connection(.timedOut(_, let phase)): return told("no connection within \(limit) (\(phase))")
            case .connection(let error):
                if case .cutOff = error { return told(error.message + unknown) }
                return told(error.message, isTransient: !error.isLasting)
            case .unreadable(let reason): return told(reason + unknown)
            case .refused(let text): return told("the login was refused: \(text)", isTransient: false)
            case .timedOut(let isSent):
                return told("no answer within \(limit) (connected, then nothing)" + (isSent ? unknown : ""))
            case .cancelled: return told("stopped before it was answered" + unknown)
            }
        }

        func failure(errorReply text: String) -> StepFailure {
            // Redis says of a busy one that it is: the others stay.
            let isTransient = ["LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"]
                .contains { text.hasPrefix($0) }
            let hint = text.hasPrefix("MOVED") ? " (name the node that has the key)" : ""
            return told("Redis answered with an error: \(text)\(hint)", isTransient: isTransient)
        }

        func failure(
            expected: String,
            _ found: ValueExpectation.Found,
            _ duration: Duration
        ) -> StepFailure {
            told(
                "answered in \(duration.inMilliseconds), and not as expected",
                ["  expected  \(line(expected))", "  answered  \(line(found.description))"]
            )
        }

        private func told(
            _ text: String,
            _ more: [String] = [],
            isTransient: Bool = true
        ) -> StepFailure {
            let head = ["redis \(line(place)): \(line(text))", "  command   \(line(command))"]
            return StepFailure((head + more).joined(separator: "\n"), isTransient: isTransient)
        }

        private func line(_ text: String) -> String { PlainText.line(mask(text), limit: Self.lineLimit) }
    }
}

extension HTTPError {
    /// Whether another attempt cannot help.
    var isLasting: Bool {
        switch self {
        case .badRequest, .tls: true
        default: false
        }
    }
}
