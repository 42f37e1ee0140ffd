import DeployPorts
import HTTPClient

/// What a JSON value should be.
///
/// An object is matched as a subset: its keys are paths below the value, and keys it does not name do not
/// matter. A list is matched whole. A value of another type than expected is never equal: `"5"` is not `5`.
indirect enum JSONExpectation: Hashable, Sendable {
    case fields([Field])
    case list([JSONExpectation])
    case constant(JSONValue)
    case text(Template)
    case condition(NumberCondition)

    struct Field: Hashable, Sendable {
        let path: JSONPath
        let expected: JSONExpectation
    }

    // MARK: reading

    static func read(_ value: Parameter, _ key: String, with reader: MapReader) -> JSONExpectation? {
        switch value {
        case .map(let entries, _): .fields(entries.compactMap { field($0, key, with: reader) })
        case .list(let items, _): .list(items.compactMap { read($0, key, with: reader) })
        case .scalar(let scalar): read(scalar, key, with: reader)
        }
    }

    private static func field(_ entry: Parameter.Entry, _ key: String, with reader: MapReader) -> Field? {
        do throws(JSONError) {
            let path = try JSONPath(entry.key)
            return read(entry.value, "\(key).\(entry.key)", with: reader).map {
                Field(path: path, expected: $0)
            }
        } catch {
            reader.diagnostics.report(entry.keyPosition, error.message)
            return nil
        }
    }

    private static func read(
        _ scalar: Parameter.Scalar,
        _ key: String,
        with reader: MapReader
    ) -> JSONExpectation? {
        if let constant = scalar.plainValue { return .constant(constant) }
        switch NumberCondition.read(scalar.text) {
        case .condition(let condition): return .condition(condition)
        case .mistake:
            reader.diagnostics.report(
                scalar.position,
                "`\(key)`: `\(scalar.text)` compares with no number; a condition is written `< 100` or `!= 0`"
            )
            return nil
        case .text: return reader.template(of: .scalar(scalar), key).map { .text($0) }
        }
    }

    var references: [Reference] {
        switch self {
        case .fields(let fields): fields.flatMap(\.expected.references)
        case .list(let items): items.flatMap(\.references)
        case .text(let template): template.references
        case .constant, .condition: []
        }
    }

    // MARK: matching

    /// Everything in `value` that is not as expected.
    ///
    /// `place` is the way to it, empty for the whole answer.
    func mismatches(
        in value: JSONValue,
        at place: String,
        values: Values
    ) throws(StepFailure) -> [Mismatch] {
        switch self {
        case .fields(let fields):
            var all: [Mismatch] = []
            for field in fields {
                all += try Self.mismatches(of: field, in: value, at: place, values: values)
            }
            return all
        case .list(let items): return try Self.mismatches(of: items, in: value, at: place, values: values)
        case .constant(let expected):
            return Self.isEqual(value, expected)
                ? [] : [Mismatch("json \(place) \(expected.text)", Self.name(value, besides: expected))]
        case .text(let template):
            let expected = try template.resolved(in: values)
            return Self.isEqual(value, text: expected, of: template)
                ? []
                : [
                    Mismatch(
                        "json \(place) \(JSONValue.string(expected).text)",
                        Self.name(value, besides: .string(""))
                    )
                ]
        case .condition(let condition):
            return Self.mismatches(of: condition, in: value, at: place)
        }
    }

    private static func mismatches(
        of field: Field,
        in value: JSONValue,
        at place: String,
        values: Values
    ) throws(StepFailure) -> [Mismatch] {
        let way = place.isEmpty ? "\(field.path)" : "\(place).\(field.path)"
        let found: JSONValue
        do throws(JSONError) {
            found = try value.value(at: field.path)
        } catch {
            return [Mismatch("json \(way)", error.message)]
        }
        return try field.expected.mismatches(in: found, at: way, values: values)
    }

    private static func mismatches(
        of items: [JSONExpectation],
        in value: JSONValue,
        at place: String,
        values: Values
    ) throws(StepFailure) -> [Mismatch] {
        guard case .array(let found) = value, found.count == items.count else {
            return [Mismatch("json \(place) a list of \(items.count)", value.kindDescription)]
        }
        var all: [Mismatch] = []
        for (index, (item, value)) in zip(items, found).enumerated() {
            all += try item.mismatches(in: value, at: "\(place)[\(index)]", values: values)
        }
        return all
    }

    private static func mismatches(
        of condition: NumberCondition,
        in value: JSONValue,
        at place: String
    ) -> [Mismatch] {
        let wanted = "json \(place) \(condition)"
        guard case .number = value else {
            return [Mismatch(wanted, "\(value.kindDescription), which is not a number")]
        }
        guard let number = value.finiteNumber, condition.isMet(by: number) else {
            return [Mismatch(wanted, value.kindDescription)]
        }
        return []
    }

    /// Numbers are compared as numbers: whole ones exactly, others as `Double`.
    private static func isEqual(_ value: JSONValue, _ expected: JSONValue) -> Bool {
        guard case .number(let left) = value, case .number(let right) = expected else {
            return value == expected
        }
        if let left = Int64(left), let right = Int64(right) { return left == right }
        guard let left = value.finiteNumber, let right = expected.finiteNumber else { return false }
        return left == right
    }

    /// A template that is one `${…}` and nothing else stands for a value whose type was lost when it was
    /// captured, so that a number with the same text is equal to it too.
    private static func isEqual(_ value: JSONValue, text: String, of template: Template) -> Bool {
        if case .string(let found) = value { return found == text }
        guard template.parts.count == 1, case .reference = template.parts[0] else { return false }
        switch value {
        case .number, .bool: return value.text == text
        default: return false
        }
    }

    /// Names what came; with its type where the expected one was of another.
    private static func name(_ value: JSONValue, besides expected: JSONValue) -> String {
        switch (value, expected) {
        case (.string, .string), (.number, .number), (.bool, .bool): value.text
        default: value.kindDescription
        }
    }
}
