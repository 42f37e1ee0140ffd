import HTTPClient

/// A number's bounds as a playbook writes them: `< 100`, `>= 0.5`, `!= 0`.
struct NumberCondition: Hashable, Sendable, CustomStringConvertible {
    enum Comparison: String, CaseIterable, Hashable, Sendable {
        // The longer ones first, since `<` begins `<=` too.
        case atMost = "<="
        case atLeast = ">="
        case unequal = "!="
        case equal = "=="
        case below = "<"
        case above = ">"
    }

    enum Reading: Hashable, Sendable {
        case condition(NumberCondition)
        /// An operator and a blank, but no number after it.
        case mistake
        /// Something else: plain text.
        case text
    }

    let comparison: Comparison
    let number: Double
    /// As it was written, with one blank.
    let description: String

    static func read(_ text: String) -> Reading {
        guard let comparison = Comparison.allCases.first(where: { text.hasPrefix($0.rawValue) }) else {
            return .text
        }
        let rest = text.dropFirst(comparison.rawValue.count)
        let operand = String(rest.drop { $0 == " " })
        guard JSONDocument.isNumber(operand), let number = Double(operand), number.isFinite else {
            return rest.first == " " ? .mistake : .text
        }
        return .condition(
            NumberCondition(
                comparison: comparison,
                number: number,
                description: "\(comparison.rawValue) \(operand)"
            )
        )
    }

    /// Never true of a number that is not finite.
    func isMet(by value: Double) -> Bool {
        guard value.isFinite else { return false }
        switch comparison {
        case .atMost: return value <= number
        case .atLeast: return value >= number
        case .unequal: return value != number
        case .equal: return value == number
        case .below: return value < number
        case .above: return value > number
        }
    }
}
