/// Colours, where the terminal has them.
package struct Style: Sendable {
    package enum Tint: String, Sendable {
        case green = "32"
        case red = "31"
        case yellow = "33"
        case blue = "34"
        case faint = "2"
        case bold = "1"
    }

    package let usesColor: Bool

    package init(usesColor: Bool) { self.usesColor = usesColor }

    package func callAsFunction(_ text: String, _ tint: Tint) -> String {
        usesColor ? "\u{1B}[\(tint.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Text from elsewhere (output, answers) without what would steer the terminal.
    package static func harmless(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: result.unicodeScalars.append(scalar)
            case 0x09: result += "    "
            case 0x00...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension String {
    package func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
