/// A statement that somebody else sent, fit to be shown: one short line without passwords.
package struct QueryText: Hashable, Sendable, Decodable, CustomStringConvertible {
    private static let limit = 120
    /// Where a decoder finds the connection's own password, which is never shown either.
    package static let secretKey = CodingUserInfoKey(rawValue: "secret")

    package let description: String

    /// Left out are `secret`, what follows the word `password`, and what stands before the `@` of a URL.
    package init(_ text: String, secret: String? = nil) {
        var line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if let secret, !secret.isEmpty { line = line.replacing(secret, with: "***") }
        line = Self.withoutURLs(line)
        if let word = line.firstRange(of: /password/.ignoresCase()), word.upperBound < line.endIndex {
            line = line[..<word.upperBound] + " …"
        }
        description = line.count > Self.limit ? line.prefix(Self.limit) + "…" : line
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        self.init(text, secret: Self.secretKey.flatMap { decoder.userInfo[$0] as? String })
    }

    private static func withoutURLs(_ line: String) -> String {
        line.split(separator: " ", omittingEmptySubsequences: false).map { word in
            guard let scheme = word.firstRange(of: "://"), let at = word.lastIndex(of: "@"),
                scheme.upperBound < at
            else { return String(word) }
            return word[..<scheme.upperBound] + "***" + word[at...]
        }.joined(separator: " ")
    }
}
