/// The URL of a database: secret as a whole, or with secrets in it.
public struct URLTemplate: Hashable, Sendable {
    private let template: Template

    public var references: [Reference] { template.references }

    /// Puts the values in: as they are, but percent-encoded where a user or a password stands.
    public func resolved(in values: Values) throws(StepFailure) -> String {
        var result = ""
        for (index, part) in template.parts.enumerated() {
            switch part {
            case .text(let text): result += text
            case .reference(let name):
                let value = try values.value(of: name)
                let isBehindScheme = result.contains("://") && !result.contains("@")
                let isUser = isBehindScheme && template.parts[index...].contains { Self.ends(user: $0) }
                result += isUser ? PercentEncoding.encode(value) : value
            }
        }
        return result
    }

    private static func ends(user part: Template.Part) -> Bool {
        if case .text(let text) = part { text.contains("@") } else { false }
    }

    /// Reads `key`; a password in plain text is a mistake, since the playbook is kept with the run.
    ///
    /// `secret` is the name of a secret that a message may suggest.
    public static func read(
        _ value: Parameter,
        _ key: String,
        secret: String = "DATABASE_URL",
        with reader: MapReader
    ) -> URLTemplate? {
        guard let template = reader.template(of: value, key) else { return nil }
        if template.holdsURLPassword {
            reader.diagnostics.report(
                template.position,
                "`\(key)` has a password in it: put it, or the whole URL, into a secret, as in "
                    + "\"${secret.\(secret)}\""
            )
        }
        return URLTemplate(template: template)
    }
}

extension Template {
    /// Whether this is a URL with a password in plain text, before the host or as a parameter.
    public var holdsURLPassword: Bool {
        // A reference stands for some other character than the ones that are looked for.
        let text = parts.map { if case .text(let plain) = $0 { plain } else { "\u{0}" } }.joined()
        guard let scheme = text.firstRange(of: "://") else { return false }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        var passwords: [Substring] = []
        if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
            passwords.append(authority[authority.index(after: colon)..<at])
        }
        let parameters = rest.drop { $0 != "?" }.dropFirst().prefix { $0 != "#" }.split(separator: "&")
        passwords += parameters.filter { $0.hasPrefix("password=") }.map { $0.dropFirst("password=".count) }
        return passwords.contains { !$0.isEmpty && !$0.contains("\u{0}") }
    }
}
