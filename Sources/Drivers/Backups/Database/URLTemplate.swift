import DeployPorts

/// The URL of a database: secret as a whole, or with secrets in it.
struct URLTemplate: Hashable, Sendable {
    private let template: Template

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
                let isUser = template.parts[index...].contains { part in
                    if case .text(let text) = part { text.contains("@") } else { false }
                }
                result += isBehindScheme && isUser ? Self.encoded(value) : value
            }
        }
        return result
    }

    /// Reads `key`; a password in plain text is a mistake, since the playbook is kept with the run.
    static func read(_ value: Parameter, _ key: String, with reader: MapReader) -> URLTemplate? {
        guard let template = reader.template(of: value, key) else { return nil }
        // A reference stands for some other character than the ones that are looked for.
        let text = template.parts.map { if case .text(let plain) = $0 { plain } else { "\u{0}" } }.joined()
        if let password = DatabaseURL.parameters(of: text)["password"], !password.contains("\u{0}") {
            reader.diagnostics.report(
                template.position,
                "`\(key)` has a password in it: put it, or the whole URL, into a secret, as in "
                    + "\"${secret.DATABASE_URL}\""
            )
        }
        return URLTemplate(template: template)
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(Unicode.Scalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
    }
}
