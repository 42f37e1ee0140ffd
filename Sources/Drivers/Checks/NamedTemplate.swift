import DeployPorts

/// A header or a form's field.
struct NamedTemplate: Hashable, Sendable {
    let name: String
    let value: Template

    static func readHeaders(_ value: Parameter, diagnostics: Diagnostics) -> [NamedTemplate] {
        read(value, "headers", diagnostics: diagnostics) { entry in
            guard !entry.key.isEmpty, entry.key.utf8.allSatisfy(isTokenByte) else {
                diagnostics.report(entry.keyPosition, "`\(entry.key)` is not a header's name")
                return false
            }
            return true
        }
    }

    static func read(
        _ value: Parameter,
        _ key: String,
        diagnostics: Diagnostics,
        isWelcome: (Parameter.Entry) -> Bool = { _ in true }
    ) -> [NamedTemplate] {
        var reader = MapReader(value, "`\(key)`", diagnostics: diagnostics)
        return reader.takeRest().filter(isWelcome).compactMap { entry in
            reader.template(of: entry.value, "\(key).\(entry.key)").map {
                NamedTemplate(name: entry.key, value: $0)
            }
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        let character = Character(Unicode.Scalar(byte))
        return character.isASCII
            && (character.isLetter || character.isNumber || "!#$%&'*+-.^_`|~".contains(character))
    }
}
