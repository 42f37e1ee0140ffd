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
            let keyword = String(
                decoding: Self.unquoted(words[statement.words.lowerBound], bytes),
                as: UTF8.self
            )
            if SectionKeyword.all.contains(keyword) {
                let kind: Section.Kind =
                    switch keyword {
                    case "backend": .backend
                    case "listen": .listen
                    case "defaults": .defaults
                    default: .other
                    }
                sections.append(Section(kind: kind, head: index, statements: index + 1..<index + 1))
            } else if let last = sections.indices.last {
                sections[last].statements = sections[last].statements.lowerBound..<index + 1
            }
        }
        self.sections = sections
        try refuseTemplates()
    }

    /// HAProxy refuses a file whose last line has no line feed, as "might have been truncated".
    package var endsWithLineFeed: Bool { bytes.isEmpty || bytes.last == Byte.lineFeed }

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

    /// What HAProxy makes of the word, variables and `\x41` left as they are.
    static func unquoted(_ word: Word, _ bytes: [UInt8]) -> [UInt8] {
        var plain: [UInt8] = []
        var quote: UInt8?
        var index = word.range.lowerBound
        while index < word.range.upperBound {
            let byte = bytes[index]
            index += 1
            if byte == Byte.backslash, quote != Byte.singleQuote, index < word.range.upperBound {
                if let meaning = meaning(ofEscaped: bytes[index]) {
                    plain.append(meaning)
                } else {
                    plain += [byte, bytes[index]]
                }
                index += 1
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

    /// `nil` for what HAProxy leaves alone: `\d` stays a backslash and a `d`.
    private static func meaning(ofEscaped byte: UInt8) -> UInt8? {
        switch byte {
        case Byte.doubleQuote, Byte.singleQuote, Byte.backslash, Byte.number, UInt8(ascii: " "),
            UInt8(ascii: "$"):
            byte
        case UInt8(ascii: "t"): Byte.tab
        case UInt8(ascii: "r"): Byte.carriageReturn
        case UInt8(ascii: "n"): Byte.lineFeed
        default: nil
        }
    }

    func column(of offset: Int) -> Int { offset - (bytes[..<offset].lastIndex(of: Byte.lineFeed) ?? -1) }
}
