package import DeployPorts
import Glibc
import HTTPClient

/// Whether the orchestrator's own environment has what the playbook needs: the playbook's `env`.
///
/// No value is ever shown.
package struct EnvironmentStep: StepAction {
    struct Variable: Hashable, Sendable {
        let name: String
        let minimumLength: Int
    }

    let variables: [Variable]
    let lookUp: @Sendable (String) -> String?

    /// `lookUp` tells a variable's value, `nil` when it is not set.
    package static func kind(lookUp: @escaping @Sendable (String) -> String? = Self.inProcess) -> StepKind {
        StepKind(key: "env", schema: schema) { value, _, _, diagnostics in
            let before = diagnostics.all.count
            let variables = read(value, diagnostics: diagnostics)
            guard diagnostics.all.count == before else { return nil }
            return EnvironmentStep(variables: variables, lookUp: lookUp)
        }
    }

    package static let inProcess: @Sendable (String) -> String? = { name in
        getenv(name).map { String(cString: $0) }
    }

    package var summary: String { "env \(variables.map(\.name).joined(separator: ", "))" }
    package var isReadOnly: Bool { true }
    package var references: [Reference] { [] }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let complaints = variables.compactMap(complaint)
        guard complaints.isEmpty else {
            throw StepFailure(complaints.joined(separator: "\n"), isTransient: false)
        }
        return StepResult(summary: "\(variables.count) set")
    }

    private func complaint(of variable: Variable) -> String? {
        guard let value = lookUp(variable.name) else {
            return "the environment variable \(variable.name) is not set"
        }
        if value.isEmpty { return "the environment variable \(variable.name) is empty" }
        guard value.count < variable.minimumLength else { return nil }
        return "the environment variable \(variable.name) is too short: "
            + "\(variable.minimumLength) characters are needed"
    }

    private static func read(_ value: Parameter, diagnostics: Diagnostics) -> [Variable] {
        var reader = MapReader(value, "`env`", diagnostics: diagnostics)
        if case .map(let entries, let position) = value, entries.isEmpty {
            diagnostics.report(position, "`env` names no variable")
        }
        return reader.takeRest().map { entry in
            if !isName(entry.key) {
                diagnostics.report(entry.keyPosition, "`\(entry.key)` is not a variable's name")
            }
            return Variable(name: entry.key, minimumLength: minimumLength(entry, diagnostics: diagnostics))
        }
    }

    private static func minimumLength(_ entry: Parameter.Entry, diagnostics: Diagnostics) -> Int {
        if case .scalar(let scalar) = entry.value, scalar.plainValue == .null { return 1 }
        var reader = MapReader(entry.value, "`\(entry.key)`", diagnostics: diagnostics)
        let length = reader.integer("min_length", in: 1...65_536)
        reader.finish()
        return length ?? 1
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.first, !first.isNumber else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    }

    private static let schema = #"""
        {
          "description": "Variables that the orchestrator's environment must have, by name.",
          "type": "object",
          "minProperties": 1,
          "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
          "additionalProperties": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": { "min_length": { "type": "integer", "minimum": 1, "maximum": 65536 } }
          }
        }
        """#
}
