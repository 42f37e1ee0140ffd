public import DeployCore

/// Reads the keys of one mapping and reports every mistake: a missing key, a value of the wrong kind, and, at
/// ``finish()``, each key that nobody asked for, with the nearest that exists.
///
/// A reader that has reported returns stand-in values, so that the rest is still checked.
public struct MapReader {
    public let diagnostics: Diagnostics
    public let position: Position
    private let what: String
    private var unread: [Parameter.Entry]
    private var known: [String] = []

    /// `what` names the mapping in messages: `http`, `a balancer`.
    public init(_ parameter: Parameter, _ what: String, diagnostics: Diagnostics) {
        self.diagnostics = diagnostics
        self.what = what
        position = parameter.position
        if case .map(let entries, _) = parameter {
            unread = entries
        } else {
            unread = []
            diagnostics.report(
                position,
                "\(what) must be a mapping of keys to values, found \(parameter.kindDescription)"
            )
        }
    }

    // MARK: keys

    /// Takes the key out; `nil` when it is absent.
    public mutating func optional(_ key: String) -> Parameter? {
        known.append(key)
        guard let index = unread.firstIndex(where: { $0.key == key }) else { return nil }
        return unread.remove(at: index).value
    }

    public mutating func required(_ key: String) -> Parameter? {
        let value = optional(key)
        if value == nil { diagnostics.report(position, "\(what) needs the key `\(key)`") }
        return value
    }

    /// The keys that are present and not yet read, with their places.
    public var remaining: [(key: String, position: Position)] { unread.map { ($0.key, $0.keyPosition) } }

    /// Every key that is left, in order: for mappings whose keys are the user's own names.
    public mutating func takeRest() -> [Parameter.Entry] {
        defer { unread = [] }
        return unread
    }

    /// Reports the keys that were never asked for.
    ///
    /// `also` are keys that others read from the same mapping.
    public func finish(also others: [String] = []) {
        for entry in unread {
            let candidates = known + others
            let hint = Spelling.nearest(to: entry.key, among: candidates).map { "; did you mean `\($0)`?" }
            let list = candidates.sorted().joined(separator: ", ")
            diagnostics.report(
                entry.keyPosition,
                "\(what) has no key `\(entry.key)`\(hint ?? "; it takes \(list)")"
            )
        }
    }

    // MARK: typed values

    public mutating func text(_ key: String) -> String? { optional(key).flatMap { text(of: $0, key) } }
    public mutating func template(_ key: String) -> Template? {
        optional(key).flatMap { template(of: $0, key) }
    }
    public mutating func span(_ key: String) -> Span? { optional(key).flatMap { span(of: $0, key) } }
    public mutating func percent(_ key: String) -> Percent? { optional(key).flatMap { percent(of: $0, key) } }
    public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        optional(key).flatMap { integer(of: $0, key, in: range) }
    }
    public mutating func flag(_ key: String) -> Bool? { optional(key).flatMap { flag(of: $0, key) } }
    public mutating func templates(_ key: String) -> [Template]? {
        optional(key).flatMap { value in list(of: value, key)?.compactMap { template(of: $0, key) } }
    }

    public func list(of value: Parameter, _ key: String) -> [Parameter]? {
        if case .list(let items, _) = value { return items }
        return wrong(value, key, "a list")
    }

    public func text(of value: Parameter, _ key: String) -> String? {
        guard case .scalar(let scalar) = value else { return wrong(value, key, "text") }
        return scalar.text
    }

    public func template(of value: Parameter, _ key: String) -> Template? {
        guard let source = text(of: value, key) else { return nil }
        do throws(Template.Unclosed) {
            return try Template(source, at: value.position)
        } catch {
            diagnostics.report(
                value.position,
                "`\(key)` has a `${` that is not a name followed by `}`: `\(source)`; write `$${` for a plain `${`"
            )
            return nil
        }
    }

    public func span(of value: Parameter, _ key: String) -> Span? {
        guard let source = text(of: value, key) else { return nil }
        return Span(playbook: source) ?? wrong(value, key, "a duration such as 250ms, 30s, 10m, 1h30m or 7d")
    }

    public func percent(of value: Parameter, _ key: String) -> Percent? {
        guard let source = text(of: value, key) else { return nil }
        return Percent(playbook: source)
            ?? wrong(value, key, "a percentage from 0% to 100%, such as 25% or 0.1%")
    }

    public func integer(of value: Parameter, _ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let source = text(of: value, key) else { return nil }
        guard let number = Int(source), range.contains(number) else {
            let upper = range.upperBound == .max ? "" : " to \(range.upperBound)"
            return wrong(value, key, "a whole number from \(range.lowerBound)\(upper)")
        }
        return number
    }

    public func flag(of value: Parameter, _ key: String) -> Bool? {
        switch text(of: value, key) {
        case "true": true
        case "false": false
        case nil: nil
        default: wrong(value, key, "true or false")
        }
    }

    private func wrong<Value>(_ value: Parameter, _ key: String, _ expected: String) -> Value? {
        diagnostics.report(value.position, "`\(key)` must be \(expected), found \(value.kindDescription)")
        return nil
    }
}

extension Span {
    /// Reads `250ms`, `30s`, `10m`, `1h30m`, `7d`; `nil` for anything else.
    public init?(playbook text: String) {
        let units: [(String, Int64)] = [
            ("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
        ]
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
            rest = rest.dropFirst(digits.count)
            guard let unit = units.first(where: { rest.hasPrefix($0.0) }) else { return nil }
            let (part, isTooLong) = count.multipliedReportingOverflow(by: unit.1)
            let (sum, isTooMuch) = total.addingReportingOverflow(part)
            guard !isTooLong, !isTooMuch else { return nil }
            total = sum
            rest = rest.dropFirst(unit.0.count)
        }
        self.init(milliseconds: total)
    }
}

extension Percent {
    /// Reads `25%`, `12.5%`, `0.1%`; at most one decimal place.
    public init?(playbook text: String) {
        guard text.hasSuffix("%") else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Int(first), (0...100).contains(whole), parts.count <= 2,
            first.allSatisfy(\.isNumber)
        else { return nil }
        var tenths = 0
        if parts.count == 2 {
            guard parts[1].count == 1, let digit = Int(parts[1]) else { return nil }
            tenths = digit
        }
        self.init(tenths: whole * 10 + tenths)
    }
}
