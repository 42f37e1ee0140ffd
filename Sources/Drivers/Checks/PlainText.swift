import DeployPorts

/// Makes what a stranger sent fit to be shown.
enum PlainText {
    /// One line: control characters, line breaks and those that change the direction of writing are escaped,
    /// and what is over `limit` bytes is cut off.
    static func line(_ text: String, limit: Int) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            guard result.utf8.count < limit else { return result + "…" }
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{200B}"..."\u{200F}", "\u{2028}"..."\u{202E}",
                "\u{2066}"..."\u{2069}", "\u{FEFF}":
                result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Values {
    /// `text` with every secret replaced, also where it stands percent-encoded.
    func masked(_ text: String) -> String {
        var result = text
        for secret in secrets.values.sorted(by: { $0.count > $1.count }) where !secret.isEmpty {
            result = result.replacing(secret, with: "***")
            result = result.replacing(PercentEncoding.encode(secret), with: "***")
        }
        return result
    }
    /// `text` with every secret and `password` replaced.
    func masked(_ text: String, password: String?) -> String {
        let result = masked(text)
        guard let password, password.count > 2 else { return result }
        return result.replacing(password, with: "***")
    }
}
