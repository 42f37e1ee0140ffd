/// HAProxy's tokenizer once more, written after `readcfgfile` and `parse_line` of 2.6 instead of after
/// `Scanner`: where the two differ, one of them is wrong.
///
/// Environment variables are not expanded and stand as they are.
struct Reader {
    struct Word {
        let range: Range<Int>
        let value: [UInt8]
    }

    struct Line {
        let range: Range<Int>
        let words: [Word]
        /// The blanks between the words and all behind the last one.
        let rest: [[UInt8]]
        var keyword: String { String(decoding: words[0].value, as: UTF8.self) }
    }

    /// Those that say something.
    private(set) var lines: [Line] = []

    /// `nil` for what HAProxy does not read.
    init?(_ text: [UInt8]) {
        guard !text.starts(with: [0xEF, 0xBB, 0xBF]), !text.contains(0) else { return nil }
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 10) ?? text.count
            guard let words = Self.words(text[start..<end]) else { return nil }
            if let last = words.last, let first = words.first {
                let gaps = zip(words, words.dropFirst()).map {
                    Array(text[$0.range.upperBound..<$1.range.lowerBound])
                }
                let range = first.range.lowerBound..<end
                lines.append(
                    Line(range: range, words: words, rest: gaps + [Array(text[last.range.upperBound..<end])])
                )
            }
            start = end + 1
        }
    }

    /// `nil` for a quote that is not closed.
    private static func words(_ line: ArraySlice<UInt8>) -> [Word]? {
        var rest = line.drop(while: isSpace)
        var words: [Word] = []
        var isSingle = false, isDouble = false
        var value: [UInt8] = []
        var start = rest.startIndex
        var hasText = false
        func word() -> Word { Word(range: start..<rest.startIndex, value: value) }
        scan: while let byte = rest.first {
            let following = rest.dropFirst().first
            switch byte {
            case 13: break scan
            case UInt8(ascii: "#") where !isSingle && !isDouble: break scan
            case UInt8(ascii: "\"") where !isSingle: isDouble.toggle()
            case UInt8(ascii: "'") where !isDouble: isSingle.toggle()
            case UInt8(ascii: "\\") where !isSingle:
                let (meaning, length) = escape(rest, following, isDouble)
                value.append(meaning)
                rest = rest.dropFirst(length - 1)
            case _ where isSpace(byte) && !isSingle && !isDouble:
                words.append(word())
                rest = rest.drop(while: isSpace)
                start = rest.startIndex
                value = []
                hasText = false
                continue
            default: value.append(byte)
            }
            hasText = true
            rest = rest.dropFirst()
        }
        guard !isSingle, !isDouble else { return nil }
        if hasText { words.append(word()) }
        return Array(words.prefix { !$0.value.isEmpty })
    }

    private static func escape(
        _ rest: ArraySlice<UInt8>,
        _ following: UInt8?,
        _ isDouble: Bool
    ) -> (UInt8, Int) {
        guard let following else { return (UInt8(ascii: "\\"), 1) }
        switch Unicode.Scalar(following) {
        case " ", "\\", "#", "'", "\"": return (following, 2)
        case "t": return (9, 2)
        case "n": return (10, 2)
        case "r": return (13, 2)
        case "$" where isDouble: return (following, 2)
        case "x":
            let digits = String(decoding: rest.dropFirst(2).prefix(2), as: UTF8.self)
            if digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), digits.allSatisfy(\.isASCII) {
                return (UInt8(digits, radix: 16) ?? 0, 4)
            }
            return (UInt8(ascii: "\\"), 1)
        default: return (UInt8(ascii: "\\"), 1)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
}
