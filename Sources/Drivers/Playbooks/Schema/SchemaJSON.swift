/// A JSON value that keeps its keys in order, and writes itself.
indirect enum SchemaJSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([SchemaJSON])
    case object([(key: String, value: SchemaJSON)])
    /// JSON text of somebody else's.
    case raw(String)

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .flag(value) }
    init(arrayLiteral elements: SchemaJSON...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, SchemaJSON)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }

    func written(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .text(let text): return Self.quoted(text)
        case .number(let number): return String(number)
        case .flag(let flag): return String(flag)
        case .raw(let json): return json
        case .list(let items):
            let parts = items.map { inner + $0.written(indent: inner) }
            return parts.isEmpty ? "[]" : "[\n\(parts.joined(separator: ",\n"))\n\(indent)]"
        case .object(let entries):
            let parts = entries.map { "\(inner)\(Self.quoted($0.key)): \($0.value.written(indent: inner))" }
            return parts.isEmpty ? "{}" : "{\n\(parts.joined(separator: ",\n"))\n\(indent)}"
        }
    }

    /// With `description` put first, where this is an object.
    func described(_ description: String) -> SchemaJSON {
        guard case .object(let entries) = self else {
            return ["description": .text(description), "allOf": .list([self])]
        }
        return .object([(key: "description", value: .text(description))] + entries)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case let other where other.value < 0x20:
                let digits = String(other.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
