/// nginx's tokenizer once more, written after `ngx_conf_read_token` flag by flag instead of after `Scanner`:
/// where the two differ, one of them is wrong.
struct Reader {
    struct Word {
        let range: Range<Int>
        let value: [UInt8]
    }

    struct Statement {
        let words: [Word]
        /// Behind the semicolon or the opening brace.
        let end: Int
        let hasBlock: Bool
        /// The statement whose block it stands in.
        let parent: Int?
    }

    private let text: [UInt8]
    private var position = 0
    private(set) var statements: [Statement] = []

    /// `nil` for what nginx does not read.
    init?(_ text: [UInt8]) {
        self.text = text
        guard !text.starts(with: [0xEF, 0xBB, 0xBF]) else { return nil }
        var open: [Int] = []
        while true {
            switch next() {
            case .statement(let words):
                statements.append(Statement(words: words, end: position, hasBlock: false, parent: open.last))
            case .block(let words):
                statements.append(Statement(words: words, end: position, hasBlock: true, parent: open.last))
                if String(decoding: words[0].value, as: UTF8.self).hasSuffix("_by_lua_block") {
                    guard let end = LuaBody.end(of: text, from: position) else { return nil }
                    position = end
                } else {
                    open.append(statements.count - 1)
                }
            case .blockEnd: guard open.popLast() != nil else { return nil }
            case .done:
                guard open.isEmpty else { return nil }
                return
            case .failed: return nil
            }
        }
    }

    private enum Found {
        case statement([Word]), block([Word]), blockEnd, done, failed
    }

    private enum Quote { case none, single, double }

    private mutating func next() -> Found {
        var words: [Word] = []
        var isComment = false, isEscaped = false, needsSpace = false, isBetween = true, isVariable = false
        var quote = Quote.none
        var start = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == 10 { isComment = false }
            if isComment { continue }
            if isEscaped {
                isEscaped = false
                continue
            }
            if needsSpace {
                switch byte {
                case 32, 9, 13, 10:
                    isBetween = true
                    needsSpace = false
                    continue
                case UInt8(ascii: ";"): return .statement(words)
                case UInt8(ascii: "{"): return .block(words)
                case UInt8(ascii: ")"):
                    isBetween = true
                    needsSpace = false
                default: return .failed
                }
            }
            if isBetween {
                start = position - 1
                switch byte {
                case 32, 9, 13, 10: continue
                case UInt8(ascii: ";"): return words.isEmpty ? .failed : .statement(words)
                case UInt8(ascii: "{"): return words.isEmpty ? .failed : .block(words)
                case UInt8(ascii: "}"): return words.isEmpty ? .blockEnd : .failed
                case UInt8(ascii: "#"):
                    isComment = true
                    continue
                case UInt8(ascii: "\\"): isEscaped = true
                case UInt8(ascii: "\""): quote = .double
                case UInt8(ascii: "'"): quote = .single
                case UInt8(ascii: "$"): isVariable = true
                default: break
                }
                isBetween = false
                continue
            }
            if byte == UInt8(ascii: "{"), isVariable { continue }
            isVariable = false
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            }
            if byte == UInt8(ascii: "$") {
                isVariable = true
                continue
            }
            switch (quote, byte) {
            case (.double, UInt8(ascii: "\"")), (.single, UInt8(ascii: "'")):
                words.append(word(start..<position, text[start + 1..<position - 1]))
                quote = .none
                needsSpace = true
            case (.none, 32), (.none, 9), (.none, 13), (.none, 10), (.none, UInt8(ascii: ";")),
                (.none, UInt8(ascii: "{")):
                words.append(word(start..<position - 1, text[start..<position - 1]))
                isBetween = true
                if byte == UInt8(ascii: ";") { return .statement(words) }
                if byte == UInt8(ascii: "{") { return .block(words) }
            default: break
            }
        }
        return words.isEmpty && isBetween ? .done : .failed
    }

    private func word(_ range: Range<Int>, _ raw: ArraySlice<UInt8>) -> Word {
        let meanings: [UInt8: UInt8] = [
            UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "'"): UInt8(ascii: "'"),
            UInt8(ascii: "\\"): UInt8(ascii: "\\"), UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
            UInt8(ascii: "r"): 13,
        ]
        var value: [UInt8] = []
        var rest = raw
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let meaning = rest.first.flatMap({ meanings[$0] }) {
                value.append(meaning)
                rest.removeFirst()
            } else {
                value.append(byte)
            }
        }
        return Word(range: range, value: value)
    }
}

/// Where the body of a `…_by_lua_block` ends, by lua-nginx-module's lexer: it knows strings, comments and
/// long brackets, and counts braces elsewhere.
enum LuaBody {
    /// The offset behind the brace that closes the body which begins at `start`.
    static func end(of text: [UInt8], from start: Int) -> Int? {
        var depth = 1
        var rest = text[start...]
        while let byte = rest.first {
            if rest.starts(with: "--".utf8) {
                rest = rest.dropFirst(2)
                if let level = longBracket(rest) {
                    rest = skip(rest, level)
                } else {
                    rest = rest.drop { $0 != 10 }
                }
            } else if let level = longBracket(rest) {
                rest = skip(rest, level)
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                rest.removeFirst()
                while let inner = rest.popFirst(), inner != byte {
                    if inner == UInt8(ascii: "\\") { rest = rest.dropFirst() }
                }
            } else {
                rest.removeFirst()
                if byte == UInt8(ascii: "{") { depth += 1 }
                if byte == UInt8(ascii: "}") { depth -= 1 }
                if depth == 0 { return rest.startIndex }
            }
        }
        return nil
    }

    private static func longBracket(_ text: ArraySlice<UInt8>) -> Int? {
        guard text.first == UInt8(ascii: "[") else { return nil }
        let signs = text.dropFirst().prefix { $0 == UInt8(ascii: "=") }
        return text[signs.endIndex...].first == UInt8(ascii: "[") ? signs.count : nil
    }

    private static func skip(_ text: ArraySlice<UInt8>, _ level: Int) -> ArraySlice<UInt8> {
        let closing = Array("]".utf8) + Array(repeating: UInt8(ascii: "="), count: level) + Array("]".utf8)
        var rest = text.dropFirst(level + 2)
        while !rest.isEmpty {
            if rest.starts(with: closing) { return rest.dropFirst(closing.count) }
            rest = rest.dropFirst()
        }
        return rest
    }
}
