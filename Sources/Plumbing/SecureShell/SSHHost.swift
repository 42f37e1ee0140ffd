/// A host that is reached over SSH, as a playbook names it: `ssh://[user@]host[:port]`.
///
/// The name may be an alias of the user's ssh configuration. Every part is checked against a list of what may be in
/// it, so that none can be taken for an option of `ssh` or become a word of a shell.
package struct SSHHost: Hashable, Sendable, CustomStringConvertible {
    package let user: String?
    package let name: String
    package let port: UInt16?

    /// Why a text names no host.
    package struct Mistake: Error, Hashable, Sendable {
        package let message: String
    }

    package init(_ text: String) throws(Mistake) {
        let expected = "expected ssh://[user@]host[:port], such as ssh://deploy@lb1"
        guard text.hasPrefix("ssh://") else { throw Mistake(message: "`\(text)` is no host; \(expected)") }
        var rest = text.dropFirst("ssh://".count)
        var user: String?
        if let at = rest.lastIndex(of: "@") {
            user = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        var port: UInt16?
        if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
            guard let number = UInt16(rest[rest.index(after: colon)...]), number > 0 else {
                throw Mistake(message: "`\(text)` has no port from 1 to 65535 after its `:`; \(expected)")
            }
            port = number
            rest = rest[..<colon]
        }
        if let user, !Self.isUser(user) {
            throw Mistake(
                message:
                    "`\(user)` is no user in `\(text)`: letters, digits, `.`, `_` and `-`, not beginning with `-`"
            )
        }
        guard let name = Self.name(String(rest)) else {
            throw Mistake(
                message:
                    "`\(rest)` is no host in `\(text)`: a name, an alias or an address of letters, digits, `.`, `_` "
                    + "and `-`, beginning with a letter or digit; IPv6 in brackets"
            )
        }
        (self.user, self.name, self.port) = (user, name, port)
    }

    /// Without the scheme: `deploy@lb1:2222`.
    package var description: String {
        let host = name.contains(":") ? "[\(name)]" : name
        return (user.map { "\($0)@" } ?? "") + host + (port.map { ":\($0)" } ?? "")
    }

    private static func isUser(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), text.first != "-" else { return false }
        return text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "_") }
    }

    /// What `ssh` is given; `nil` for what may not stand there.
    private static func name(_ text: String) -> String? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let address = text.dropFirst().dropLast()
            let isAddress =
                address.contains(":") && address.utf8.count <= 45
                && address.allSatisfy { $0.isHexDigit && $0.isASCII || $0 == ":" || $0 == "." }
            return isAddress ? String(address) : nil
        }
        guard (1...253).contains(text.utf8.count), let first = text.first, first.isLetter || first.isNumber
        else { return nil }
        return text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "_") } ? text : nil
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
