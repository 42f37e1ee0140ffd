import DeployPorts

/// Any tool, by the commands that the playbook names.
struct CommandDialect: ToolDialect {
    let up: [Template]
    /// Prints the head; what was applied before it is not known.
    let current: [Template]
    let goal: Goal
    /// Takes the head out of what `current` and `head` print; `nil` for the last word of the first line.
    let headPattern: Template?
    /// Prints the SQL of what is pending, for the linter.
    let sql: [Template]?
    /// Brings a rehearsal's database down to `$BGDEPLOY_HEAD`.
    ///
    /// Nobody but the rehearsal can ask for it.
    let down: [Template]?

    /// By what it is known that all is applied.
    enum Goal: Sendable {
        /// A command that prints one name a line.
        case pending([Template])
        /// A command that prints the head that there shall be.
        case head([Template])
    }

    var title: String { "command " + up.map(\.source).joined(separator: " ") }

    var references: [Reference] {
        let goal =
            switch goal {
            case .pending(let command), .head(let command): command
            }
        return (up + current + goal + (sql ?? []) + (down ?? [])).flatMap(\.references)
    }

    func up(_ values: Values) throws(StepFailure) -> [String] { try Self.resolved(up, values) }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let head = try head(in: try await ask(current, question))
        var names: [String]
        switch goal {
        case .pending(let command):
            names = try await ask(command, question).split(whereSeparator: \.isNewline)
                .map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty }
        case .head(let command):
            let wanted = try self.head(in: try await ask(command, question))
            names = wanted.map { $0 == head ? [] : [$0] } ?? []
        }
        var text: String?
        if let sql, !names.isEmpty { text = try await ask(sql, question) }
        // The text is of all together, and judged once.
        let pending = names.enumerated().map { index, name in
            SchemaOutlook.Migration(name: name, sql: text.map { index == 0 ? $0 : "" })
        }
        return SchemaOutlook(head: head, applied: [], pending: pending)
    }

    static func resolved(_ command: [Template], _ values: Values) throws(StepFailure) -> [String] {
        var arguments: [String] = []
        for template in command { arguments.append(try template.resolved(in: values)) }
        return arguments
    }

    private func ask(
        _ command: [Template],
        _ question: ToolQuestion
    ) async throws(StepFailure) -> String {
        try await question.output(try Self.resolved(command, question.values))
    }

    private func head(in text: String) throws(StepFailure) -> String? {
        guard let headPattern else {
            return text.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }?
                .split(whereSeparator: \.isWhitespace).last.map(String.init)
        }
        guard let pattern = try? Regex(headPattern.source), let match = text.firstMatch(of: pattern) else {
            return nil
        }
        return (match.output.count > 1 ? match.output[1].substring : match.output[0].substring)
            .map(String.init)
    }
}
