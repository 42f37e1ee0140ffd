/// JSON to print, with its keys in the order in which they are given.
package indirect enum JSON: Sendable {
    case null
    case flag(Bool)
    case number(Int)
    case decimal(Double)
    case text(String)
    case list([JSON])
    case object([(String, JSON)])

    /// On one line; with `indent`, over several.
    package static func text(_ value: JSON, indent: Int? = nil) -> String {
        var text = ""
        value.append(to: &text, indent, 0)
        return text
    }

    private func append(to text: inout String, _ indent: Int?, _ level: Int) {
        switch self {
        case .null: text += "null"
        case .flag(let flag): text += flag ? "true" : "false"
        case .number(let number): text += "\(number)"
        case .decimal(let number):
            guard number.isFinite else { return text += "null" }
            text += number == number.rounded() && number.magnitude < 1e15 ? "\(Int(number))" : "\(number)"
        case .text(let string): Self.quote(string, into: &text)
        case .list(let items):
            Self.wrap("[", "]", items, into: &text, indent, level) { item, text in
                item.append(to: &text, indent, level + 1)
            }
        case .object(let fields):
            Self.wrap("{", "}", fields, into: &text, indent, level) { field, text in
                Self.quote(field.0, into: &text)
                text += indent == nil ? ":" : ": "
                field.1.append(to: &text, indent, level + 1)
            }
        }
    }

    private static func wrap<Item>(
        _ open: String,
        _ close: String,
        _ items: [Item],
        into text: inout String,
        _ indent: Int?,
        _ level: Int,
        _ write: (Item, inout String) -> Void
    ) {
        func newline(_ level: Int) -> String {
            indent.map { "\n" + String(repeating: " ", count: $0 * level) } ?? ""
        }
        text += open
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            text += newline(level + 1)
            write(item, &text)
        }
        if !items.isEmpty { text += newline(level) }
        text += close
    }

    private static func quote(_ string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
