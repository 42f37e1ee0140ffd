/// The bytes of one word, quotes and escapes included.
struct Word {
    let start: UInt32
    let end: UInt32

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(start)
        self.end = UInt32(end)
    }

    var range: Range<Int> { Int(start)..<Int(end) }

    /// Whether nothing stands between its quotes: `""`, `''`, `""''`.
    func isEmpty(in bytes: [UInt8]) -> Bool {
        var index = range.lowerBound
        while index + 1 < range.upperBound, bytes[index] == bytes[index + 1] {
            guard bytes[index] == Byte.doubleQuote || bytes[index] == Byte.singleQuote else { return false }
            index += 2
        }
        return index == range.upperBound
    }
}

/// A line that says something.
struct Statement {
    /// Counts from 1.
    let line: Int
    /// Never empty.
    let words: Range<Int>
    /// Stands between `.if` and `.endif`: whether HAProxy reads it is not known here.
    let isConditional: Bool
}

/// A section's head and its statements.
struct Section {
    enum Kind {
        case backend, listen, defaults, other
    }

    let kind: Kind
    let head: Int
    /// Without the head.
    var statements: Range<Int>
}

/// The words that begin a section: HAProxy 2.6's, and those of later versions.
enum SectionKeyword {
    private static let all: [StaticString] = [
        "acme", "backend", "cache", "crt-list", "crt-store", "defaults", "dynamic-update", "fcgi-app",
        "frontend", "global", "http-errors", "listen", "log-forward", "log-profile", "mailers", "peers",
        "program", "resolvers", "ring", "traces", "userlist",
    ]

    /// The kind of section that `word` begins; `nil` when it begins none.
    static func kind(of word: Word, in bytes: [UInt8]) -> Section.Kind? {
        var keyword = bytes[word.range]
        // Asked for every line: a word without quotes and escapes is compared where it stands.
        if keyword.contains(where: { $0 <= Byte.singleQuote || $0 == Byte.backslash }) {
            keyword = HAProxyConfiguration.unquoted(word, bytes)[...]
        }
        let found = all.first { name in
            name.utf8CodeUnitCount == keyword.count && name.withUTF8Buffer { $0.elementsEqual(keyword) }
        }
        return switch found?.description {
        case nil: nil
        case "backend": .backend
        case "listen": .listen
        case "defaults": .defaults
        default: .other
        }
    }
}

/// The bytes that mean something to HAProxy's tokenizer (`parse_line`).
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let doubleQuote = UInt8(ascii: "\"")
    static let dollar = UInt8(ascii: "$")
    static let number = UInt8(ascii: "#")
    static let singleQuote = UInt8(ascii: "'")
    static let backslash = UInt8(ascii: "\\")

    /// C's `isspace`.
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == space || (0x09...0x0D).contains(byte) }
}
