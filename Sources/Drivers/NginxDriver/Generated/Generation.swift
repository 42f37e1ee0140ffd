import DeployCore

/// The name of one generated text: the split that it makes and the digest of the whole.
///
/// nginx can answer it to a request, so that the split in force is known from nginx itself, whatever has
/// become of the file: `blue=75,green=25+users 3f9ac01d22334455`.
struct Generation: Hashable, Sendable, CustomStringConvertible {
    let split: Split
    /// The beginning of the SHA-256 of the text, this place in it being ``blank``.
    let digest: String

    static let blank = String(repeating: "0", count: 16)

    init(_ split: Split, digest: String) {
        self.split = split
        self.digest = digest
    }

    /// Reads what ``description`` writes; `nil` for anything else.
    init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, words[1].count == Self.blank.count else { return nil }
        let sides = words[0].split(separator: ",").compactMap { Side($0) }
        guard sides.count == 2, sides[0].name != sides[1].name, sides[0].share == sides[1].share.rest else {
            return nil
        }
        let chosen = sides.filter(\.hasUsers)
        guard chosen.count < 2 else { return nil }
        split = Split(sides[1].name, sides[1].share, other: sides[0].name, chosen: chosen.first?.name)
        digest = String(words[1])
    }

    var description: String {
        let sides = split.environments.map { name in
            "\(name)=\(split.share(of: name))\(name == split.chosen ? "+users" : "")"
        }
        return "\(sides.joined(separator: ",")) \(digest)"
    }

    private struct Side {
        let name: EnvironmentName
        let share: Percent
        let hasUsers: Bool

        init?(_ text: Substring) {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { return nil }
            hasUsers = parts[1].hasSuffix("+users")
            let digits = hasUsers ? parts[1].dropLast("+users".count) : parts[1]
            let numbers = digits.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
            let tenths: Int? =
                switch numbers.count {
                case 1: numbers[0].map { $0 * 10 }
                case 2: numbers[0].flatMap { whole in numbers[1].map { whole * 10 + $0 } }
                default: nil
                }
            guard let share = tenths.flatMap({ Percent(tenths: $0) }) else { return nil }
            name = EnvironmentName(String(parts[0]))
            self.share = share
        }
    }
}
