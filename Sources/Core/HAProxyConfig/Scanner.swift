/// Finds the words of each line by the rules of HAProxy's own tokenizer (`parse_line`, 2.6).
///
/// A line is a statement: there is no continuation. A carriage return behind a word ends it, whatever
/// follows; behind a blank it is one more blank. `#` outside quotes begins a comment even inside a word. A
/// backslash keeps a quote, a blank, `#` or a backslash behind it from meaning anything, outside single
/// quotes. An empty word (`""`) ends the statement: HAProxy takes it for the end of the arguments.
struct Scanner {
    let bytes: [UInt8]
    private(set) var words: [Word] = []
    private(set) var statements: [Statement] = []
    private var position = 0
    private var line = 1
    /// How many `.if` are open.
    private var conditions = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func scan() throws(ConfigurationError) {
        guard bytes.count < Int(Int32.max) else { throw error(at: 0, "the file is larger than 2 GiB") }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw error(at: 0, "the file begins with a byte order mark, which HAProxy takes for a keyword")
        }
        words.reserveCapacity(bytes.count / 8)
        statements.reserveCapacity(bytes.count / 32)
        while position < bytes.count {
            let first = words.count
            try readLine()
            addStatement(arguments(in: first..<words.count))
            while position < bytes.count, bytes[position] != Byte.lineFeed {
                if bytes[position] == 0 { throw error(at: position, "a NUL byte") }
                position += 1
            }
            position += 1
            line += 1
        }
    }

    private func arguments(in range: Range<Int>) -> Range<Int> {
        let end = range.first { words[$0].isEmpty(in: bytes) }
        return range.lowerBound..<(end ?? range.upperBound)
    }

    private mutating func addStatement(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let keyword = bytes[words[range.lowerBound].range]
        if keyword.elementsEqual(".if".utf8) { conditions += 1 }
        let isConditional = conditions > 0
        if keyword.elementsEqual(".endif".utf8) { conditions = max(0, conditions - 1) }
        statements.append(Statement(line: line, words: range, isConditional: isConditional))
    }

    /// Stops at the comment or the end of the line.
    private mutating func readLine() throws(ConfigurationError) {
        while position < bytes.count {
            let byte = bytes[position]
            if byte == Byte.lineFeed || byte == Byte.number { return }
            if Byte.isSpace(byte) {
                position += 1
            } else {
                try readWord()
                if position < bytes.count, bytes[position] == Byte.carriageReturn { return }
            }
        }
    }

    private mutating func readWord() throws(ConfigurationError) {
        let start = position
        var quote: (byte: UInt8, offset: Int)?
        while position < bytes.count {
            let byte = bytes[position]
            if byte == Byte.lineFeed || byte == Byte.carriageReturn { break }
            if byte == 0 { throw error(at: position, "a NUL byte") }
            if byte == Byte.backslash, quote?.byte != Byte.singleQuote {
                position += isEscapable(position + 1) ? 2 : 1
                continue
            }
            if let open = quote {
                if byte == open.byte { quote = nil }
            } else if byte == Byte.doubleQuote || byte == Byte.singleQuote {
                quote = (byte, position)
            } else if byte == Byte.number || Byte.isSpace(byte) {
                break
            }
            position += 1
        }
        if let quote { throw error(at: quote.offset, "the quote that opens here is not closed on its line") }
        words.append(Word(start, position))
    }

    private func isEscapable(_ offset: Int) -> Bool {
        guard offset < bytes.count else { return false }
        switch bytes[offset] {
        case Byte.backslash, Byte.space, Byte.number, Byte.doubleQuote, Byte.singleQuote: return true
        default: return false
        }
    }

    private func error(at offset: Int, _ message: String) -> ConfigurationError {
        let column = offset - (bytes[..<offset].lastIndex(of: Byte.lineFeed) ?? -1)
        return ConfigurationError(line: line, column: column, message: message)
    }
}
