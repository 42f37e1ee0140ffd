/// A name in a playbook text: `${candidate.url}`.
public struct Reference: Hashable, Sendable {
    public let name: String
    public let position: Position

    public init(name: String, position: Position) {
        self.name = name
        self.position = position
    }
}

/// A text with `${…}` in it, taken apart when the playbook is loaded and put together when a step runs.
///
/// Values are put in after YAML is parsed, each into its own place: a value is never parsed again, so it cannot
/// become a key, a second argument or a shell word.
public struct Template: Hashable, Sendable {
    public enum Part: Hashable, Sendable {
        case text(String)
        case reference(String)
    }

    public let source: String
    public let parts: [Part]
    public let position: Position

    public struct Unclosed: Error, Hashable, Sendable {}

    /// `$${` stands for a plain `${`.
    ///
    /// Fails on a `${` without its `}` and on an empty or odd name.
    public init(_ source: String, at position: Position = .unknown) throws(Unclosed) {
        var parts: [Part] = []
        var plain = ""
        var rest = Substring(source)
        while let character = rest.first {
            if rest.hasPrefix("$${") {
                plain += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else { throw Unclosed() }
                let name = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
                guard !name.isEmpty, name.allSatisfy(Self.isNameCharacter) else { throw Unclosed() }
                if !plain.isEmpty { parts.append(.text(plain)) }
                plain = ""
                parts.append(.reference(String(name)))
                rest = rest[rest.index(after: end)...]
            } else {
                plain.append(character)
                rest = rest.dropFirst()
            }
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.source = source
        self.parts = parts
        self.position = position
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }

    public var references: [Reference] {
        parts.compactMap { part in
            guard case .reference(let name) = part else { return nil }
            return Reference(name: name, position: position)
        }
    }

    public func resolved(in values: Values) throws(StepFailure) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let plain): text += plain
            case .reference(let name): text += try values.value(of: name)
            }
        }
        return text
    }
}

/// What `${…}` stands for in one run, and which of it is secret.
public struct Values: Sendable {
    /// By full name: `version`, `candidate.url`, `steps.login.token`.
    public var plain: [String: String]
    /// By full name: `secret.TOKEN`.
    public var secrets: [String: String]

    public init(plain: [String: String] = [:], secrets: [String: String] = [:]) {
        self.plain = plain
        self.secrets = secrets
    }

    public func value(of name: String) throws(StepFailure) -> String {
        if let value = plain[name] ?? secrets[name] { return value }
        throw StepFailure("${\(name)} has no value here", isTransient: false)
    }
}
