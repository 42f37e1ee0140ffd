/// What a token's owner holds: `bgd_`, 256 random bits, and a checksum by which a scanner tells it from a likeness.
struct Bearer: Sendable {
    static let prefix = "bgd_"
    private static let length = 43

    let text: String

    /// A new one.
    static func random() -> Bearer { Bearer(secret: Secret.random()) }

    /// Returns `nil` when `text` cannot be one, so that nobody has to look for it.
    init?(_ text: String) {
        guard text.utf8.count == Self.prefix.utf8.count + Self.length + 6, text.hasPrefix(Self.prefix) else {
            return nil
        }
        let body = text.dropFirst(Self.prefix.count)
        guard Secret.isBase62(body) else { return nil }
        let whole = Bearer(secret: String(body.prefix(Self.length)))
        guard whole.text == text else { return nil }
        self = whole
    }

    private init(secret: String) {
        text = Self.prefix + secret + Secret.base62(Self.checksum(Array(secret.utf8)))
    }

    /// By which the token is known; says nothing of the secret.
    var digest: String { Secret.digest(of: text) }

    /// CRC-32 (ISO 3309).
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var rest: UInt32 = .max
        for byte in bytes {
            rest ^= UInt32(byte)
            for _ in 0..<8 { rest = rest & 1 == 1 ? (rest >> 1) ^ 0xEDB8_8320 : rest >> 1 }
        }
        return ~rest
    }
}
