/// A JSON value as it was written: a number keeps its text, so that `10.50` stays `10.50` and no digit of a
/// long identity is lost.
package indirect enum JSONValue: Hashable, Sendable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    /// A number's value; `nil` for anything that is not a number, and for one too large for a `Double`.
    package var finiteNumber: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Compact JSON with sorted keys; `/` is not escaped.
    package var text: String {
        switch self {
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }
                .map { "\(Self.quoted($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
        case .array(let items): "[" + items.map(\.text).joined(separator: ",") + "]"
        case .string(let text): Self.quoted(text)
        case .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        }
    }

    /// The value as a person names it: `the text "on"`, `the number 3`, `a list of 2`.
    package var kindDescription: String {
        switch self {
        case .object: "an object"
        case .array(let items): "a list of \(items.count)"
        case .string(let text): "the text \(Self.quoted(text))"
        case .number(let text): "the number \(text)"
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Why there is no value.
package enum JSONError: Error, Hashable, Sendable {
    /// Not JSON; `offset` is the byte, counted from 0, at which it stops being so.
    case malformed(offset: Int, reason: String)
    /// Not a path such as `a.b[0].c`.
    case badPath(String)
    /// The path leads nowhere in this document.
    case missing(String)

    package var message: String {
        switch self {
        case .malformed(let offset, let reason): "not JSON: \(reason) at byte \(offset)"
        case .badPath(let text), .missing(let text): text
        }
    }
}
