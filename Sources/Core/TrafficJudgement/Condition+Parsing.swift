/// Why a text is no condition.
public struct ConditionError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case noRelation
        case noNumber
        /// What stands behind the number is no unit.
        case unknownUnit(String)
        /// A percentage over 100 is a limit that no share can cross.
        case overHundredPercent
    }

    public let text: String
    public let kind: Kind

    /// What was expected, then what was found.
    public var description: String {
        switch kind {
        case .noRelation: "a limit begins with >, >=, < or <=, such as `> 5%`; found `\(text)`"
        case .noNumber:
            "a number is expected after the relation, such as `> 5%` or `> 500ms`; found `\(text)`"
        case .unknownUnit(let unit):
            "after the number may stand %, ms, s, `x stable` or `x before`; found `\(unit)` in `\(text)`"
        case .overHundredPercent: "a percentage is at most 100%; found `\(text)`"
        }
    }
}

extension Condition {
    /// Reads what a playbook writes; spaces between the parts do not matter.
    public init(_ text: String) throws(ConditionError) {
        var rest = Self.trimmed(Substring(text))
        let relations: [Relation] = [.atLeast, .atMost, .above, .below]
        guard let relation = relations.first(where: { rest.hasPrefix($0.rawValue) }) else {
            throw ConditionError(text: text, kind: .noRelation)
        }
        rest = Self.trimmed(rest.dropFirst(relation.rawValue.count))
        let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard digits.first != ".", digits.last != ".", let number = Double(digits), number.isFinite else {
            throw ConditionError(text: text, kind: .noNumber)
        }
        let unit = Self.trimmed(rest.dropFirst(digits.count))
        guard let limit = Self.limit(number, unit) else {
            throw ConditionError(text: text, kind: .unknownUnit(String(unit)))
        }
        if case .share(let share) = limit, share > 1 {
            throw ConditionError(text: text, kind: .overHundredPercent)
        }
        self.init(relation, limit, written: text)
    }

    private static func limit(_ number: Double, _ unit: Substring) -> Limit? {
        switch unit.split(separator: " ").joined(separator: " ") {
        case "": .number(number)
        case "%": .share(number / 100)
        case "ms": .milliseconds(number)
        case "s": .milliseconds(number * 1000)
        case "x stable": .timesStable(number)
        case "x before": .timesBefore(number)
        default: nil
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var rest = text.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        return rest
    }
}
