/// A document that was read as a whole.
package struct JSONDocument: Hashable, Sendable {
    package let root: JSONValue

    package init(_ bytes: [UInt8]) throws(JSONError) { root = try JSONParser.parse(bytes) }

    /// The value at `path`, such as `a.b[0].c`.
    ///
    /// Fails with `.badPath` or `.missing`.
    package func value(at path: String) throws(JSONError) -> JSONValue {
        try root.value(at: JSONPath(path))
    }

    /// Whether `text` is a number as JSON writes it: `1.10` and `-3e2`, but not `.5`, `+1`, `0x1F` or `NaN`.
    package static func isNumber(_ text: String) -> Bool { JSONParser.isNumber(text) }
}

/// The way to one value: `status`, `db.pools[0].size`, `["a.b"].c`.
package struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    package let description: String
    let steps: [Step]

    package init(_ text: String) throws(JSONError) {
        var steps: [Step] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            if rest.hasPrefix("[") {
                guard let step = Self.bracket(&rest) else { throw Self.bad(text) }
                steps.append(step)
            } else {
                if !steps.isEmpty {
                    guard rest.hasPrefix(".") else { throw Self.bad(text) }
                    rest = rest.dropFirst()
                }
                let key = rest.prefix { $0 != "." && $0 != "[" }
                guard !key.isEmpty, !key.contains("]") else { throw Self.bad(text) }
                steps.append(.key(String(key)))
                rest = rest.dropFirst(key.count)
            }
        }
        guard !steps.isEmpty else { throw Self.bad(text) }
        description = text
        self.steps = steps
    }

    /// Takes `[0]` or `["key"]` off the front.
    private static func bracket(_ rest: inout Substring) -> Step? {
        if rest.hasPrefix("[\"") {
            guard let end = rest.dropFirst(2).firstIndex(of: "\""), rest[end...].hasPrefix("\"]") else {
                return nil
            }
            let key = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
            rest = rest[end...].dropFirst(2)
            return .key(String(key))
        }
        guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end].dropFirst()), index >= 0 else {
            return nil
        }
        rest = rest[rest.index(after: end)...]
        return .index(index)
    }

    private static func bad(_ text: String) -> JSONError {
        .badPath("`\(text)` is not a path such as `status`, `db.pools[0].size` or `[\"a.b\"]`")
    }
}

extension JSONValue {
    /// Fails with `.missing`, saying where the path ends and what is there instead.
    package func value(at path: JSONPath) throws(JSONError) -> JSONValue {
        var value = self
        var way = ""
        for step in path.steps {
            switch (step, value) {
            case (.key(let key), .object(let members)):
                guard let member = members[key] else { throw Self.missing(key, among: members, at: way) }
                value = member
                way += way.isEmpty ? key : ".\(key)"
            case (.index(let index), .array(let items)):
                guard index < items.count else {
                    throw .missing("\(Self.place(way)) is \(value.kindDescription), it has no [\(index)]")
                }
                value = items[index]
                way += "[\(index)]"
            case (.key(let key), _):
                throw .missing("\(Self.place(way)) is \(value.kindDescription), it has no key `\(key)`")
            case (.index(let index), _):
                throw .missing("\(Self.place(way)) is \(value.kindDescription), it has no [\(index)]")
            }
        }
        return value
    }

    private static func missing(
        _ key: String,
        among members: [String: JSONValue],
        at way: String
    ) -> JSONError {
        let names = members.keys.sorted()
        let some = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
        return .missing("\(place(way)) has no key `\(key)`; it has \(names.isEmpty ? "none" : some)")
    }

    private static func place(_ way: String) -> String { way.isEmpty ? "the answer" : "`\(way)`" }
}
