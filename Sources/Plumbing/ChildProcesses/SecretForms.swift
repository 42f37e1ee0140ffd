/// The ways in which a secret shows up in text.
enum SecretForms {
    /// A value shorter than this is not masked: it stands in every text by chance, and masking it tells it.
    static let shortest = 3
    /// An encoded piece shorter than this stands in other texts by chance.
    private static let shortestPiece = 8

    /// The value itself, each longer line of it, and what base64, URL and JSON encoders make of it.
    static func all(of secret: String) -> Set<[UInt8]> {
        let bytes = Array(secret.utf8)
        guard bytes.count >= shortest else { return [] }
        var forms: Set<[UInt8]> = [bytes]
        for line in secret.split(whereSeparator: \.isNewline) where line.utf8.count >= shortestPiece {
            // The armour around a key is no secret.
            if !line.hasPrefix("-----") { forms.insert(Array(line.utf8)) }
        }
        forms.formUnion(base64(bytes))
        for upper in [true, false] {
            for plus in [true, false] {
                forms.insert(percentEncoded(bytes, upper: upper, plusForSpace: plus))
            }
            for slash in [true, false] {
                for ascii in [true, false] {
                    forms.insert(jsonEscaped(secret, upper: upper, escapesSlash: slash, asciiOnly: ascii))
                }
            }
        }
        return forms
    }

    /// Base64 (RFC 4648, both alphabets) at each of the three places that the value can have within a longer
    /// text, such as `user:secret` of HTTP's basic authentication: the characters that depend on it alone.
    private static func base64(_ bytes: [UInt8]) -> [[UInt8]] {
        var forms: [[UInt8]] = []
        for alphabet in [base64Alphabet, base64Alphabet.dropLast(2) + Array("-_".utf8)] {
            for offset in 0..<3 {
                let shifted = [UInt8](repeating: 0, count: offset) + bytes
                var characters: [UInt8] = []
                // Only whole groups of six bits of the value: what follows it may change the last ones.
                for start in stride(from: 0, to: shifted.count * 8 - 5, by: 6) {
                    let high = UInt16(shifted[start / 8]) << 8
                    let low = start / 8 + 1 < shifted.count ? UInt16(shifted[start / 8 + 1]) : 0
                    characters.append(alphabet[Int((high | low) >> UInt16(10 - start % 8)) & 63])
                }
                let piece = Array(characters.dropFirst([0, 2, 3][offset]))
                if piece.count >= shortestPiece || (offset == 0 && piece.count >= 4) { forms.append(piece) }
            }
        }
        return forms
    }

    private static let base64Alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    private static func percentEncoded(_ bytes: [UInt8], upper: Bool, plusForSpace: Bool) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                [byte]
            case UInt8(ascii: " ") where plusForSpace: [UInt8(ascii: "+")]
            default: Array("%".utf8) + hexadecimal(UInt16(byte), digits: 2, upper: upper)
            }
        }
    }

    private static func jsonEscaped(
        _ text: String,
        upper: Bool,
        escapesSlash: Bool,
        asciiOnly: Bool
    ) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar -> [UInt8] in
            switch scalar {
            case "\"": Array("\\\"".utf8)
            case "\\": Array("\\\\".utf8)
            case "/" where escapesSlash: Array("\\/".utf8)
            case "\n": Array("\\n".utf8)
            case "\r": Array("\\r".utf8)
            case "\t": Array("\\t".utf8)
            case _ where scalar.value < 32 || (asciiOnly && scalar.value > 126):
                String(scalar).utf16.flatMap {
                    Array("\\u".utf8) + hexadecimal($0, digits: 4, upper: upper)
                }
            default: Array(String(scalar).utf8)
            }
        }
    }

    private static func hexadecimal(_ number: UInt16, digits: Int, upper: Bool) -> [UInt8] {
        let text = String(number, radix: 16, uppercase: upper)
        return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
    }
}
