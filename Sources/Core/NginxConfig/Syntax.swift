/// The bytes of one word, quotes and escapes included.
struct Token {
    let start: UInt32
    let end: UInt32

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(start)
        self.end = UInt32(end)
    }

    var range: Range<Int> { Int(start)..<Int(end) }
}

/// One directive, simple or with a block.
///
/// Directives are kept in the order in which they stand in the file, so that the contents of a block follow
/// its head directly.
struct Directive {
    let firstToken: UInt32
    let endToken: UInt32
    let line: UInt32
    let hasBlock: Bool
    /// The index after the last directive inside the block; without a block, the next index.
    var subtreeEnd: UInt32

    /// The name and the arguments.
    var tokens: Range<Int> { Int(firstToken)..<Int(endToken) }
    var next: Int { Int(subtreeEnd) }
}

/// The bytes that mean something to nginx's tokenizer (`ngx_conf_read_token`).
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let doubleQuote = UInt8(ascii: "\"")
    static let number = UInt8(ascii: "#")
    static let dollar = UInt8(ascii: "$")
    static let singleQuote = UInt8(ascii: "'")
    static let closingParenthesis = UInt8(ascii: ")")
    static let hyphen = UInt8(ascii: "-")
    static let semicolon = UInt8(ascii: ";")
    static let equals = UInt8(ascii: "=")
    static let openingBracket = UInt8(ascii: "[")
    static let backslash = UInt8(ascii: "\\")
    static let closingBracket = UInt8(ascii: "]")
    static let openingBrace = UInt8(ascii: "{")
    static let closingBrace = UInt8(ascii: "}")

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == space || byte == lineFeed || byte == tab || byte == carriageReturn
    }
}
