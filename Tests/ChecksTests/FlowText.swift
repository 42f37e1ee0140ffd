import DeployPorts

/// Reads the flow style of YAML, `{ key: value, list: [1, "two"] }`, over one or more lines, with the places of
/// everything: enough to write a step as a playbook does.
struct FlowText {
    private let characters: [Character]
    private var at = 0
    private var line = 1
    private var column = 1

    static func parameter(_ text: String) -> Parameter {
        var reader = FlowText(characters: Array(text))
        return reader.value()
    }

    private init(characters: [Character]) { self.characters = characters }

    private var position: Position { Position(line: line, column: column) }
    private var next: Character? { at < characters.count ? characters[at] : nil }

    @discardableResult
    private mutating func take() -> Character {
        defer { at += 1 }
        if characters[at] == "\n" { (line, column) = (line + 1, 1) } else { column += 1 }
        return characters[at]
    }

    private mutating func skip(_ set: String = " \n,") {
        while let next, set.contains(next) { take() }
    }

    private mutating func value() -> Parameter {
        skip()
        let start = position
        if next == "{" { return map(start) }
        guard next == "[" else { return .scalar(scalar(ends: ",}]\n")) }
        take()
        skip()
        var items: [Parameter] = []
        while let next, next != "]" {
            items.append(value())
            skip()
        }
        take()
        return .list(items, position: start)
    }

    private mutating func map(_ start: Position) -> Parameter {
        take()
        skip()
        var entries: [Parameter.Entry] = []
        while let next, next != "}" {
            let key = scalar(ends: ":")
            take()
            skip(" ")
            entries.append(Parameter.Entry(key: key.text, keyPosition: key.position, value: value()))
            skip()
        }
        take()
        return .map(entries, position: start)
    }

    private mutating func scalar(ends: String) -> Parameter.Scalar {
        let start = position
        var text = ""
        if let quote = next, quote == "\"" || quote == "'" {
            take()
            while let next, next != quote { text.append(next == "\\" && quote == "\"" ? escaped() : take()) }
            take()
            return Parameter.Scalar(text: text, isQuoted: true, position: start)
        }
        while let next, !ends.contains(next) || text.hasSuffix("$") || isInside(text) { text.append(take()) }
        while text.last == " " { text.removeLast() }
        return Parameter.Scalar(text: text, isQuoted: false, position: start)
    }

    private mutating func escaped() -> Character {
        take()
        return take()
    }

    private func isInside(_ text: String) -> Bool {
        guard let dollar = text.lastIndex(of: "$") else { return false }
        return text[dollar...].hasPrefix("${") && !text[dollar...].contains("}")
    }
}
