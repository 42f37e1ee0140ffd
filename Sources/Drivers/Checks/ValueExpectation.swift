import DeployPorts
import HTTPClient

/// What a value of a database should be: databases tell numbers as texts, so that `5` and `"5"` are the same here.
indirect enum ValueExpectation: Hashable, Sendable {
    case null
    case flag(Bool)
    /// As it was written.
    case number(String)
    case text(Template)
    case condition(NumberCondition)
    case list([ValueExpectation])

    /// What came.
    indirect enum Found: Hashable, Sendable {
        case null
        case text(String)
        case list([Found])

        var description: String {
            switch self {
            case .null: "null"
            case .text(let text): JSONValue.string(text).text
            case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
            }
        }
    }

    static func read(_ value: Parameter, _ key: String, with reader: MapReader) -> ValueExpectation? {
        switch value {
        case .list(let items, _): return .list(items.compactMap { read($0, key, with: reader) })
        case .map:
            reader.diagnostics.report(
                value.position,
                "`\(key)` must be a value or a condition, found a mapping"
            )
            return nil
        case .scalar(let scalar):
            switch scalar.plainValue {
            case .null: return .null
            case .bool(let flag): return .flag(flag)
            case .number(let text): return .number(text)
            default: break
            }
            switch NumberCondition.read(scalar.text) {
            case .condition(let condition): return .condition(condition)
            case .mistake:
                reader.diagnostics.report(
                    scalar.position,
                    "`\(key)`: `\(scalar.text)` compares with no number; a condition is written `< 100` or `!= 0`"
                )
                return nil
            case .text: return reader.template(of: value, key).map { .text($0) }
            }
        }
    }

    var references: [Reference] {
        switch self {
        case .text(let template): template.references
        case .list(let items): items.flatMap(\.references)
        default: []
        }
    }

    func isMet(by found: Found, values: Values) throws(StepFailure) -> Bool {
        switch (self, found) {
        case (.null, .null): return true
        case (.flag(let flag), .text(let text)):
            return (flag ? ["t", "true", "1"] : ["f", "false", "0"]).contains(text)
        case (.number(let number), .text(let text)): return Self.isEqual(number, text)
        case (.text(let template), .text(let text)): return try template.resolved(in: values) == text
        case (.condition(let condition), .text(let text)):
            return JSONDocument.isNumber(text) && Double(text).map(condition.isMet) ?? false
        case (.list(let items), .list(let parts)):
            guard items.count == parts.count else { return false }
            for (item, part) in zip(items, parts) where !(try item.isMet(by: part, values: values)) {
                return false
            }
            return true
        default: return false
        }
    }

    func described(in values: Values) throws(StepFailure) -> String {
        switch self {
        case .null: return "null"
        case .flag(let flag): return flag ? "true" : "false"
        case .number(let text): return text
        case .text(let template): return JSONValue.string(try template.resolved(in: values)).text
        case .condition(let condition): return "\(condition)"
        case .list(let items):
            var parts: [String] = []
            for item in items { parts.append(try item.described(in: values)) }
            return "[" + parts.joined(separator: ", ") + "]"
        }
    }

    private static func isEqual(_ number: String, _ text: String) -> Bool {
        if number == text { return true }
        if let left = Int64(number), let right = Int64(text) { return left == right }
        guard JSONDocument.isNumber(text), let left = Double(number), let right = Double(text) else {
            return false
        }
        return left == right && left.isFinite
    }
}
