import DeployPorts

/// Walks a YAML text token by token, in one pass without recursion, to refuse what must never reach the parser:
/// anchors, aliases and tags, which make a short text expand without end, nesting without end, and too many nodes.
///
/// It follows libyaml's `scanner.c` (0.2.5), so that it sees an indicator as one exactly where the parser would,
/// and not within quotes, comments and block texts. It stops without a complaint where libyaml finds a syntax
/// error, for libyaml reads no further either.
struct YAMLScan {
    static let depthLimit = 64
    /// A value has at most two tokens, with the comma or the colon before it.
    ///
    /// That is enough to keep a long text short; the exact count is taken from the parsed nodes.
    static let tokenLimit = 21_000

    private let bytes: [UInt8]
    private var index = 0
    private var line = 1
    /// From 0, in Unicode scalars.
    private var column = 0
    /// Columns of the block collections around this place.
    private var indents: [Int] = []
    private var flowDepth = 0
    private var tokens = 0
    /// Where the last scalar or flow collection at block level began: a `:` makes it a key.
    private var keyStart: (line: Int, column: Int)?

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func firstProblem(in bytes: [UInt8]) -> Diagnostic? {
        var scan = YAMLScan(bytes)
        while scan.skipToToken() {
            if let problem = scan.token() { return problem }
        }
        return nil
    }

    // MARK: tokens

    private mutating func token() -> Diagnostic? {
        if flowDepth == 0 {
            while let last = indents.last, last > column { indents.removeLast() }
        }
        let position = Position(line: line, column: column + 1)
        if let refusal = refusal { return Diagnostic(position, refusal) }
        tokens += 1
        if tokens > Self.tokenLimit { return Diagnostic(position, "a playbook has at most 10,000 values") }
        consumeToken()
        if indents.count + flowDepth > Self.depthLimit {
            return Diagnostic(position, "values are nested more than \(Self.depthLimit) deep")
        }
        return nil
    }

    private var refusal: String? {
        switch bytes[index] {
        case UInt8(ascii: "&"): "anchors (`&name`) are not allowed; put the text in quotes if `&` is meant"
        case UInt8(ascii: "*"): "aliases (`*name`) are not allowed; put the text in quotes if `*` is meant"
        case UInt8(ascii: "!"): "tags (`!name`) are not allowed; put the text in quotes if `!` is meant"
        case UInt8(ascii: "%") where column == 0: "directives (`%…`) are not allowed"
        default: nil
        }
    }

    private mutating func consumeToken() {
        let isFlow = flowDepth > 0
        if isDocumentIndicator { return consumeDocumentIndicator() }
        switch bytes[index] {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            if !isFlow { keyStart = (line, column) }
            flowDepth += 1
            advance()
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
            flowDepth = max(0, flowDepth - 1)
            advance()
        case UInt8(ascii: ","): advance()
        case UInt8(ascii: "-") where isBlankOrEnd(index + 1),
            UInt8(ascii: "?") where isFlow || isBlankOrEnd(index + 1):
            if !isFlow { indent(to: column) }
            advance()
        case UInt8(ascii: ":") where isFlow || isBlankOrEnd(index + 1):
            if !isFlow {
                indent(to: keyStart.flatMap { $0.line == line ? $0.column : nil } ?? column)
                keyStart = nil
            }
            advance()
        case UInt8(ascii: "|") where !isFlow, UInt8(ascii: ">") where !isFlow: consumeBlockText()
        default: consumeScalar()
        }
    }

    private mutating func consumeScalar() {
        if flowDepth == 0 { keyStart = (line, column) }
        switch bytes[index] {
        case UInt8(ascii: "'"): consumeSingleQuoted()
        case UInt8(ascii: "\""): consumeDoubleQuoted()
        case let byte where Self.startsNothing.contains(byte): index = bytes.count
        default: consumePlain()
        }
    }

    /// What is left of the indicators here is a syntax error.
    private static let startsNothing: Set<UInt8> = Set("|>%@`".utf8)

    private mutating func indent(to column: Int) {
        if column > indents.last ?? -1 { indents.append(column) }
    }

    private var isDocumentIndicator: Bool {
        guard column == 0, index + 3 <= bytes.count, isBlankOrEnd(index + 3) else { return false }
        return bytes[index..<index + 3].elementsEqual("---".utf8)
            || bytes[index..<index + 3].elementsEqual("...".utf8)
    }

    private mutating func consumeDocumentIndicator() {
        indents = []
        for _ in 0..<3 { advance() }
    }

    // MARK: scalars

    private mutating func consumeSingleQuoted() {
        advance()
        while index < bytes.count {
            let isQuote = bytes[index] == UInt8(ascii: "'")
            advance()
            guard isQuote else { continue }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "'") else { return }
            advance()
        }
    }

    private mutating func consumeDoubleQuoted() {
        advance()
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") { advance() }
            advance()
        }
        advance()
    }

    /// A text without quotes may go on over several lines, as long as they stand deeper than the collection.
    private mutating func consumePlain() {
        let least = (indents.last ?? -1) + 1
        while index < bytes.count, !isDocumentIndicator, bytes[index] != UInt8(ascii: "#") {
            while index < bytes.count, !isBlankOrEnd(index), !endsPlain { advance() }
            guard index < bytes.count, isBlankOrEnd(index) else { return }
            while index < bytes.count, isBlankOrEnd(index) { advance() }
            if flowDepth == 0, column < least { return }
        }
    }

    private var endsPlain: Bool {
        switch bytes[index] {
        case UInt8(ascii: ":"): isBlankOrEnd(index + 1)
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"):
            flowDepth > 0
        default: false
        }
    }

    /// After `|` or `>`: the lines that stand at the indentation of the first one, or at the one that is named.
    private mutating func consumeBlockText() {
        let parent = indents.last ?? -1
        advance()
        var indent = 0
        for _ in 0..<2 where index < bytes.count {
            if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[index]) {
                indent = max(parent, 0) + Int(bytes[index] - UInt8(ascii: "0"))
            } else if bytes[index] != UInt8(ascii: "+"), bytes[index] != UInt8(ascii: "-") {
                break
            }
            advance()
        }
        while index < bytes.count, !isBreak(index) { advance() }
        advance()
        let deepest = skipBlankLines(indent: indent)
        if indent == 0 { indent = max(deepest, parent + 1, 1) }
        while index < bytes.count, column == indent {
            while index < bytes.count, !isBreak(index) { advance() }
            advance()
            _ = skipBlankLines(indent: indent)
        }
    }

    /// Skips empty lines and the indentation of the next one; returns the deepest column that was seen.
    private mutating func skipBlankLines(indent: Int) -> Int {
        var deepest = 0
        while index < bytes.count {
            while index < bytes.count, bytes[index] == UInt8(ascii: " "), indent == 0 || column < indent {
                advance()
            }
            deepest = max(deepest, column)
            guard index < bytes.count, isBreak(index) else { break }
            advance()
        }
        return deepest
    }

    // MARK: characters

    /// Goes to the next token; `false` at the end.
    private mutating func skipToToken() -> Bool {
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "#") {
                while index < bytes.count, !isBreak(index) { advance() }
            } else if isBlankOrEnd(index) {
                advance()
            } else {
                return true
            }
        }
        return false
    }

    private mutating func advance() {
        guard index < bytes.count else { return }
        let byte = bytes[index]
        index += 1
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
            if byte == UInt8(ascii: "\r"), index < bytes.count, bytes[index] == UInt8(ascii: "\n") {
                index += 1
            }
            line += 1
            column = 0
        } else if index == bytes.count || bytes[index] & 0xC0 != 0x80 {
            column += 1
        }
    }

    private func isBreak(_ place: Int) -> Bool {
        bytes[place] == UInt8(ascii: "\n") || bytes[place] == UInt8(ascii: "\r")
    }

    private func isBlankOrEnd(_ place: Int) -> Bool {
        guard place < bytes.count else { return true }
        return bytes[place] == UInt8(ascii: " ") || bytes[place] == UInt8(ascii: "\t") || isBreak(place)
    }
}
