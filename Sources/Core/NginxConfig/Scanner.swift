/// Finds the directives of a file by the rules of nginx's own tokenizer (`ngx_conf_read_token`, 1.22): a
/// quote counts at the start of a word only, `#` likewise, a backslash keeps the next byte from ending the
/// word, and `{` after `$` belongs to a variable.
///
/// More generous than nginx in one thing: a word or a comment may be longer than its buffer of 4096 bytes.
struct Scanner {
    let bytes: [UInt8]
    private(set) var tokens: [Token] = []
    private(set) var directives: [Directive] = []
    var position = 0
    var line = 1
    /// The directives whose blocks are open, outermost first.
    private var open: [Int] = []
    /// Where the directive that is being read begins: its first token and its line.
    private var firstToken = 0
    private var firstLine = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func scan() throws(ConfigurationError) {
        guard bytes.count < Int(Int32.max) else { throw error(at: 0, "the file is larger than 2 GiB") }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw error(at: 0, "the file begins with a byte order mark, which nginx takes for a directive")
        }
        tokens.reserveCapacity(bytes.count / 8)
        directives.reserveCapacity(bytes.count / 32)
        while let byte = nextSignificant() {
            switch byte {
            case Byte.semicolon: try endDirective()
            case Byte.openingBrace: try openBlock()
            case Byte.closingBrace: try closeBlock()
            case Byte.doubleQuote, Byte.singleQuote: try readQuoted(byte)
            default: readBare()
            }
        }
        if firstToken < tokens.count {
            throw error(at: startOfDirective, "the directive that begins here is not ended by \";\" or \"{\"")
        }
        if let block = open.last {
            let head = directives[block].tokens.lowerBound
            throw error(at: tokens[head].range.lowerBound, "the block that opens here is never closed")
        }
    }

    // MARK: structure

    private var startOfDirective: Int { tokens[firstToken].range.lowerBound }

    private mutating func endDirective() throws(ConfigurationError) {
        guard firstToken < tokens.count else { throw unexpected() }
        addDirective(hasBlock: false)
        position += 1
    }

    private mutating func openBlock() throws(ConfigurationError) {
        guard firstToken < tokens.count else { throw unexpected() }
        let isLua = hasSuffix(tokens[firstToken], "_by_lua_block")
        let start = startOfDirective
        addDirective(hasBlock: true)
        position += 1
        if isLua {
            guard skipLua() else { throw error(at: start, "the Lua block that opens here is never closed") }
        } else {
            open.append(directives.count - 1)
        }
    }

    private mutating func closeBlock() throws(ConfigurationError) {
        guard firstToken == tokens.count, let block = open.popLast() else { throw unexpected() }
        directives[block].subtreeEnd = UInt32(directives.count)
        position += 1
    }

    private mutating func addDirective(hasBlock: Bool) {
        directives.append(
            Directive(
                firstToken: UInt32(firstToken),
                endToken: UInt32(tokens.count),
                line: UInt32(firstLine),
                hasBlock: hasBlock,
                subtreeEnd: UInt32(directives.count + 1)
            )
        )
        firstToken = tokens.count
    }

    /// Whether the token, its quotes left out, ends with `suffix`.
    private func hasSuffix(_ token: Token, _ suffix: StaticString) -> Bool {
        var range = token.range
        if let first = bytes[range].first, first == Byte.doubleQuote || first == Byte.singleQuote {
            range = range.dropFirst().dropLast()
        }
        return suffix.withUTF8Buffer { bytes[range].suffix($0.count).elementsEqual($0) }
    }

    // MARK: words

    /// Passes white space and comments; returns the byte after them and leaves `position` there.
    private mutating func nextSignificant() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            if byte == Byte.lineFeed {
                line += 1
            } else if byte == Byte.number {
                skipLine()
                continue
            } else if !Byte.isSpace(byte) {
                return byte
            }
            position += 1
        }
        return nil
    }

    /// Stops at the line feed.
    mutating func skipLine() {
        while position < bytes.count, bytes[position] != Byte.lineFeed { position += 1 }
    }

    private mutating func readQuoted(_ quote: UInt8) throws(ConfigurationError) {
        let start = position
        let startLine = line
        position += 1
        while position < bytes.count, bytes[position] != quote { passEscapable() }
        guard position < bytes.count else {
            throw error(at: start, "the quote that opens here is never closed")
        }
        position += 1
        if position < bytes.count {
            let byte = bytes[position]
            let isEnd =
                Byte.isSpace(byte) || byte == Byte.semicolon || byte == Byte.openingBrace
                || byte == Byte.closingParenthesis
            guard isEnd else { throw unexpected() }
        }
        add(Token(start, position), line: startLine)
    }

    private mutating func readBare() {
        let start = position
        let startLine = line
        var isVariable = false
        while position < bytes.count {
            let byte = bytes[position]
            if Byte.isSpace(byte) || byte == Byte.semicolon { break }
            if byte == Byte.openingBrace {
                if !isVariable { break }
                position += 1
                continue
            }
            isVariable = byte == Byte.dollar
            passEscapable()
        }
        add(Token(start, position), line: startLine)
    }

    /// Goes on by one byte, or by two when the first is a backslash.
    mutating func passEscapable() {
        if bytes[position] == Byte.backslash, position + 1 < bytes.count { position += 1 }
        if bytes[position] == Byte.lineFeed { line += 1 }
        position += 1
    }

    private mutating func add(_ token: Token, line: Int) {
        if firstToken == tokens.count { firstLine = line }
        tokens.append(token)
    }

    // MARK: errors

    private func unexpected() -> ConfigurationError {
        let found = String(decoding: bytes[position..<position + 1], as: UTF8.self)
        return error(at: position, "unexpected \"\(found)\"")
    }

    private func error(at offset: Int, _ message: String) -> ConfigurationError {
        let before = bytes[..<offset]
        let line = before.count { $0 == Byte.lineFeed } + 1
        let column = offset - (before.lastIndex(of: Byte.lineFeed) ?? -1)
        return ConfigurationError(line: line, column: column, message: message)
    }
}
