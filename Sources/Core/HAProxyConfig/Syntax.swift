/// The bytes of one word, quotes and escapes included.
struct Word {
    let start: UInt32
    let end: UInt32

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(start)
        self.end = UInt32(end)
    }

    var range: Range<Int> { Int(start)..<Int(end) }
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
    static let all: Set<String> = [
        "acme", "backend", "cache", "crt-list", "crt-store", "defaults", "dynamic-update", "fcgi-app",
        "frontend",
        "global", "http-errors", "listen", "log-forward", "log-profile", "mailers", "peers", "program",
        "resolvers", "ring", "traces", "userlist",
    ]
}

/// The bytes that mean something to HAProxy's tokenizer (`parse_line`).
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let doubleQuote = UInt8(ascii: "\"")
    static let number = UInt8(ascii: "#")
    static let singleQuote = UInt8(ascii: "'")
    static let backslash = UInt8(ascii: "\\")

    /// C's `isspace`.
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
