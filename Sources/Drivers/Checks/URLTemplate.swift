import DeployPorts

/// The URL of a database: secret as a whole, or with secrets in it.
struct URLTemplate: Hashable, Sendable {
    let template: Template

    init(_ template: Template) { self.template = template }

    var references: [Reference] { template.references }

    /// Puts the values in: as they are, but percent-encoded where a user or a password stands.
    func resolved(in values: Values) throws(StepFailure) -> String {
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

    /// Reads `url`; a password in plain text is a mistake, since the playbook is kept with the run.
    static func read(_ reader: inout MapReader, _ what: String) -> URLTemplate? {
        guard let value = reader.required("url"), let template = reader.template(of: value, "url") else {
            return nil
        }
        if holdsPassword(template) {
            reader.diagnostics.report(
                template.position,
                "`url` has a password in it: put it, or the whole URL, into a secret, as in \"${secret.\(what)_URL}\""
            )
        }
        return URLTemplate(template)
    }

    private static func holdsPassword(_ template: Template) -> Bool {
        var text = ""
        for part in template.parts {
            // A reference stands for some other character than the ones that are looked for.
            if case .text(let plain) = part { text += plain } else { text += "\u{0}" }
        }
        guard let scheme = text.firstRange(of: "://") else { return false }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return false
        }
        let password = authority[authority.index(after: colon)..<at]
        return !password.isEmpty && !password.contains("\u{0}")
    }
}

extension Values {
    /// `text` with every secret and `password` replaced.
    func masked(_ text: String, password: String?) -> String {
        let result = masked(text)
        guard let password, password.count > 2 else { return result }
        return result.replacing(password, with: "***")
    }
}
