import CLibcrypto
import DeployPorts
import SafeFile

/// A random text that proves something; compared in constant time and kept as its digest only.
enum Secret {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// 256 random bits in base 62.
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<43).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func digest(of text: String) -> String { Digest.sha256(Array(text.utf8)) }

    /// Takes as long for a text that differs at its first character as for one that differs at its last.
    static func areEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        return left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// `number` in base 62, six characters.
    static func base62(_ number: UInt32) -> String {
        var rest = Int(number)
        var text: [UInt8] = []
        for _ in 0..<6 {
            text.append(alphabet[rest % alphabet.count])
            rest /= alphabet.count
        }
        return String(decoding: text.reversed(), as: UTF8.self)
    }

    static func isBase62(_ text: Substring) -> Bool { text.utf8.allSatisfy(isBase62) }

    /// Whether `byte` is an ASCII letter or digit.
    static func isBase62(_ byte: UInt8) -> Bool { alphabet.contains(byte) }
}
