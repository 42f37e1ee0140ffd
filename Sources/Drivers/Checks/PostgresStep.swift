import DeployCore
package import DeployPorts
import HTTPClient
package import PostgresClient

/// A question to a database and its answer, or a statement: the playbook's `postgres`.
package struct PostgresStep: StepAction {
    enum Expectation: Hashable, Sendable {
        /// Of the only column of the only row.
        case value(ValueExpectation)
        /// Of columns of the only row, by name.
        case columns([Column])

        struct Column: Hashable, Sendable {
            let name: String
            let expected: ValueExpectation
        }

        var references: [Reference] {
            switch self {
            case .value(let value): value.references
            case .columns(let columns): columns.flatMap(\.expected.references)
            }
        }
    }

    /// As many rows a person is shown.
    private static let shownRows = 30

    let url: URLTemplate
    /// Its references are sent as `$1`, `$2` and so on, beside the text.
    let statement: Template
    let expectation: Expectation?
    let within: Span?
    let writes: Bool
    let client: PostgresClient

    /// The playbook's `postgres`.
    package static func kind(client: PostgresClient = PostgresClient()) -> StepKind {
        StepKind(key: "postgres", schema: schema) { value, _, _, diagnostics in
            read(value, client: client, diagnostics: diagnostics)
        }
    }

    package var summary: String {
        let words = statement.source.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return "postgres \(words.count > 80 ? words.prefix(79) + "…" : words)"
    }

    package var isReadOnly: Bool { !writes }

    package var references: [Reference] {
        url.references + statement.references + (expectation?.references ?? [])
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let values = attempt.values
        let address: PostgresAddress
        do throws(PostgresError) {
            address = try PostgresAddress(try resolvedURL(values))
        } catch {
            throw PostgresReport.failure(before: error)
        }
        let (text, parameters) = try bound(in: values)
        let report = PostgresReport(
            place: address.place,
            statement: statement.source,
            limit: min(attempt.deadline, within ?? attempt.deadline),
            writes: writes,
            values: values,
            password: address.password
        )
        let answer: PostgresAnswer
        do throws(PostgresError) {
            answer = try await client.send(
                PostgresRequest(
                    address: address,
                    statement: text,
                    values: parameters,
                    writes: writes,
                    deadline: attempt.time(within: within),
                    rowLimit: attempt.isShown ? Self.shownRows : 1
                )
            )
        } catch {
            throw report.failure(error)
        }
        if attempt.isShown { PostgresTable(answer).lines.forEach(attempt.report) }
        let mismatches = try mismatches(in: answer, values: values)
        guard mismatches.isEmpty else { throw report.failure(answer, mismatches) }
        return StepResult(summary: report.summary(answer))
    }

    /// A value that is missing is a failure of the step, not of the URL.
    private func resolvedURL(_ values: Values) throws(PostgresError) -> String {
        do throws(StepFailure) {
            return try url.resolved(in: values)
        } catch {
            throw .badRequest(error.message)
        }
    }

    /// The text with `$1` for its first reference, and what each stands for.
    private func bound(in values: Values) throws(StepFailure) -> (text: String, parameters: [String]) {
        var text = ""
        var parameters: [String] = []
        for part in statement.parts {
            switch part {
            case .text(let plain): text += plain
            case .reference(let name):
                parameters.append(try values.value(of: name))
                text += "$\(parameters.count)"
            }
        }
        return (text, parameters)
    }

    private func mismatches(in answer: PostgresAnswer, values: Values) throws(StepFailure) -> [Mismatch] {
        guard let expectation else { return [] }
        guard let row = answer.row, !answer.hasMore else {
            return [Mismatch("one row", answer.row == nil ? "no row" : "more than one row")]
        }
        switch expectation {
        case .value(let value):
            let expected = try value.described(in: values)
            guard row.count == 1, let cell = row.first else {
                return [Mismatch("one column, \(expected)", "\(row.count) columns")]
            }
            return try value.isMet(by: cell.found, values: values)
                ? [] : [Mismatch(expected, cell.found.description)]
        case .columns(let columns):
            var all: [Mismatch] = []
            for column in columns {
                let expected = "\(column.name) \(try column.expected.described(in: values))"
                guard let cell = row.first(where: { $0.column == column.name }) else {
                    let names = row.map(\.column).joined(separator: ", ")
                    all.append(Mismatch(expected, "no such column; there are \(names)"))
                    continue
                }
                guard try !column.expected.isMet(by: cell.found, values: values) else { continue }
                all.append(Mismatch(expected, cell.found.description))
            }
            return all
        }
    }
}

extension PostgresAnswer.Cell {
    fileprivate var found: ValueExpectation.Found { value.map { .text($0) } ?? .null }
}
