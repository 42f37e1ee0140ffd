extension SyntaxNode {
    /// Why a text is not read.
    package enum JSONProblem: Error, Hashable, Sendable {
        case malformed(at: Int)
        case tooDeep
    }

    /// Reads JSON whose numbers are whole: a parse tree's, a catalogue's.
    package init(json: UnsafeBufferPointer<UInt8>) throws(JSONProblem) {
        var reader = JSONReader(bytes: json)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.isAtEnd else { throw .malformed(at: reader.position) }
    }

    package init(json: String) throws(JSONProblem) {
        var copy = json
        let result = copy.withUTF8 { bytes in
            Result { () throws(JSONProblem) in try SyntaxNode(json: bytes) }
        }
        self = try result.get()
    }
}

/// A reader of its own: most of the time of a lint would else go into a general one.
private struct JSONReader {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    /// Well below what a thread's stack can take.
    private static let deepest = 2000

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func skipSpace() {
        while position < bytes.count, SQLGap.isSpace(bytes[position]) { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        guard depth < Self.deepest else { throw .tooDeep }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try list(depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .flag(true))
        case UInt8(ascii: "f"): return try word("false", .flag(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(_ depth: Int) throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        position += 1
        var fields: [SyntaxNode.Field] = []
        if take(UInt8(ascii: "}")) { return .object(fields) }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw .malformed(at: position) }
            let name = try string()
            guard take(UInt8(ascii: ":")) else { throw .malformed(at: position) }
            fields.append(SyntaxNode.Field(name: name, value: try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw .malformed(at: position) }
        return .object(fields)
    }

    private mutating func list(_ depth: Int) throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        position += 1
        var items: [SyntaxNode] = []
        if take(UInt8(ascii: "]")) { return .list(items) }
        repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw .malformed(at: position) }
        return .list(items)
    }

    private mutating func word(
        _ word: StaticString,
        _ node: SyntaxNode
    ) throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        for index in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[index] else { throw .malformed(at: position) }
            position += 1
        }
        return node
    }

    /// A fraction is cut off: sizes and positions have none.
    private mutating func number() throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        let start = position
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var value = 0
        while current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
            let (times, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = times.addingReportingOverflow(Int(current - UInt8(ascii: "0")))
            value = over || more ? .max : sum
            position += 1
        }
        guard position > start + (isNegative ? 1 : 0) else { throw .malformed(at: position) }
        while [".", "e", "E", "+", "-"].contains(Character(Unicode.Scalar(current)))
            || (current >= UInt8(ascii: "0") && current <= UInt8(ascii: "9"))
        {
            position += 1
        }
        return .number(isNegative ? -value : value)
    }

    private mutating func string() throws(SyntaxNode.JSONProblem) -> String {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""),
            bytes[position] != UInt8(ascii: "\\")
        {
            position += 1
        }
        let plain = UnsafeBufferPointer(rebasing: bytes[start..<position])
        guard current == UInt8(ascii: "\\") else {
            guard take(UInt8(ascii: "\"")) else { throw .malformed(at: position) }
            return String(decoding: plain, as: UTF8.self)
        }
        return try escaped(after: Array(plain))
    }

    private mutating func escaped(after plain: [UInt8]) throws(SyntaxNode.JSONProblem) -> String {
        var text = plain
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            let mark = current
            position += 1
            switch mark {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "u"): text += try unicode()
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(mark)
            default: throw .malformed(at: position)
            }
        }
        throw .malformed(at: position)
    }

    private mutating func unicode() throws(SyntaxNode.JSONProblem) -> [UInt8] {
        var unit = try hexadecimal()
        if (0xD800..<0xDC00).contains(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw .malformed(at: position) }
            unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(unit) else { throw .malformed(at: position) }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(SyntaxNode.JSONProblem) -> UInt32 {
        guard position + 4 <= bytes.count else { throw .malformed(at: position) }
        let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
        guard let value = UInt32(digits, radix: 16) else { throw .malformed(at: position) }
        position += 4
        return value
    }
}
