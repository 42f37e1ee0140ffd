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
        /// A regular expression that its whole value must match.
        let format: String?
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
        if value.count < variable.minimumLength {
            return "the environment variable \(variable.name) is too short: "
                + "\(variable.minimumLength) characters are needed"
        }
        guard let format = variable.format, !Self.fits(value, format) else { return nil }
        return "the environment variable \(variable.name) does not look as it must: "
            + "its whole value has to match \(format)"
    }

    private static func fits(_ value: String, _ format: String) -> Bool {
        guard let pattern = try? Regex(format) else { return false }
        return value.wholeMatch(of: pattern) != nil
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
            return variable(entry, diagnostics: diagnostics)
        }
    }

    private static func variable(_ entry: Parameter.Entry, diagnostics: Diagnostics) -> Variable {
        if case .scalar(let scalar) = entry.value, scalar.plainValue == .null {
            return Variable(name: entry.key, minimumLength: 1, format: nil)
        }
        var reader = MapReader(entry.value, "`\(entry.key)`", diagnostics: diagnostics)
        let length = reader.integer("min_length", in: 1...65_536)
        let format = reader.optional("matches").flatMap { value -> String? in
            let text = reader.text(of: value, "matches")
            do {
                if let text { _ = try Regex(text) }
                return text
            } catch {
                diagnostics.report(value.position, "`matches` is not a regular expression: \(error)")
                return nil
            }
        }
        reader.finish()
        return Variable(name: entry.key, minimumLength: length ?? 1, format: format)
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
            "properties": {
              "min_length": { "type": "integer", "minimum": 1, "maximum": 65536 },
              "matches": { "type": "string", "description": "A regular expression for the whole value." }
            }
          }
        }
        """#
}
