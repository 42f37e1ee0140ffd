/// One HAProxy configuration file, kept byte for byte.
///
/// Knows sections, `server` lines and their weights; a file that parses here may still be refused by
/// `haproxy -c`. Environment variables are not expanded.
package struct HAProxyConfiguration: Sendable {
    /// The text as it stands; equal to what was parsed until something is set.
    package let bytes: [UInt8]
    let words: [Word]
    let statements: [Statement]
    let sections: [Section]

    /// Takes time in proportion to the length, whatever the text.
    ///
    /// - Throws: a ``ConfigurationError`` for a byte order mark, a NUL byte, a quote that is not closed on its
    ///   line, and text that is still a template (`{{ … }}`, `{% … %}` as a keyword or a name).
    package init(parsing bytes: [UInt8]) throws(ConfigurationError) {
        var scanner = Scanner(bytes)
        try scanner.scan()
        self.bytes = bytes
        words = scanner.words
        statements = scanner.statements
        var sections: [Section] = []
        for (index, statement) in statements.enumerated() {
            if let kind = SectionKeyword.kind(of: words[statement.words.lowerBound], in: bytes) {
                sections.append(Section(kind: kind, head: index, statements: index + 1..<index + 1))
            } else if let last = sections.indices.last {
                sections[last].statements = sections[last].statements.lowerBound..<index + 1
            }
        }
        self.sections = sections
        try refuseTemplates()
    }

    /// HAProxy has no keyword that begins with a brace, and allows none in names.
    private func refuseTemplates() throws(ConfigurationError) {
        for statement in statements {
            for position in statement.words.prefix(2) {
                let isName = position > statement.words.lowerBound
                guard bytes[words[position].range].first == UInt8(ascii: "{") else { continue }
                guard !isName || Self.named.contains(keyword(of: statement)) else { continue }
                throw ConfigurationError(
                    line: statement.line,
                    column: column(of: words[position].range.lowerBound),
                    message: "a \(isName ? "name" : "keyword") cannot begin with \"{\"; is this a template?"
                )
            }
        }
    }

    private static let named: Set<String> = ["backend", "frontend", "listen", "server"]
}

// MARK: - words

extension HAProxyConfiguration {
    func keyword(of statement: Statement) -> String { text(of: statement.words.lowerBound) }

    /// The word after the keyword, or the empty text.
    func name(of statement: Statement) -> String {
        statement.words.count > 1 ? text(of: statement.words.lowerBound + 1) : ""
    }

    /// Bytes that are not UTF-8 become U+FFFD; the file itself keeps them.
    func text(of word: Int) -> String {
        String(decoding: Self.unquoted(words[word], bytes), as: UTF8.self)
    }

    /// Whether the word begins with an environment variable: `"${NAME}"`, `"$NAME"`.
    func isVariable(_ word: Int) -> Bool {
        bytes[words[word].range].starts(with: [Byte.doubleQuote, Byte.dollar])
    }

    /// Whether a variable stands for several words: `"${NAME[*]}"`.
    func isList(_ word: Int) -> Bool { text(of: word).contains("[*]}") }

    /// What HAProxy makes of the word, variables left as they are.
    static func unquoted(_ word: Word, _ bytes: [UInt8]) -> [UInt8] {
        var plain: [UInt8] = []
        var quote: UInt8?
        var index = word.range.lowerBound
        while index < word.range.upperBound {
            let byte = bytes[index]
            index += 1
            if byte == Byte.backslash, quote != Byte.singleQuote,
                let escape = escape(bytes[index..<word.range.upperBound], isQuoted: quote != nil)
            {
                plain.append(escape.meaning)
                index += escape.length
            } else if let open = quote, byte == open {
                quote = nil
            } else if quote == nil, byte == Byte.doubleQuote || byte == Byte.singleQuote {
                quote = byte
            } else {
                plain.append(byte)
            }
        }
        return plain
    }

    /// What a backslash and the `bytes` behind it mean, and how many of them it takes.
    ///
    /// `nil` for what HAProxy leaves alone: `\d` stays a backslash and a `d`.
    private static func escape(
        _ bytes: ArraySlice<UInt8>,
        isQuoted: Bool
    ) -> (meaning: UInt8, length: Int)? {
        guard let byte = bytes.first else { return nil }
        switch byte {
        case Byte.doubleQuote, Byte.singleQuote, Byte.backslash, Byte.number, Byte.space: return (byte, 1)
        case Byte.dollar: return isQuoted ? (byte, 1) : nil
        case UInt8(ascii: "t"): return (Byte.tab, 1)
        case UInt8(ascii: "r"): return (Byte.carriageReturn, 1)
        case UInt8(ascii: "n"): return (Byte.lineFeed, 1)
        case UInt8(ascii: "x"):
            let digits = bytes.dropFirst().prefix(2).compactMap {
                Character(Unicode.Scalar($0)).hexDigitValue
            }
            return digits.count == 2 ? (UInt8(16 * digits[0] + digits[1]), 3) : nil
        default: return nil
        }
    }

    private func column(of offset: Int) -> Int {
        offset - (bytes[..<offset].lastIndex(of: Byte.lineFeed) ?? -1)
    }
}
