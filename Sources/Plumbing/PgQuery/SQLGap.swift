/// The space and the comments before a statement.
package struct SQLGap: Hashable, Sendable {
    package struct Comment: Hashable, Sendable {
        /// Without its marks and the space around it.
        package let text: String
        /// Where it begins, in bytes from the text's beginning.
        package let start: Int
    }

    package private(set) var comments: [Comment] = []
    /// Where something else begins, in bytes from the text's beginning.
    package private(set) var end: Int

    /// Reads from the beginning of `bytes` as far as there is nothing but space and comments.
    package init(_ bytes: ArraySlice<UInt8>) {
        end = bytes.startIndex
        while end < bytes.endIndex {
            let next = bytes[end...].prefix(2)
            if Self.isSpace(bytes[end]) {
                end += 1
            } else if next.elementsEqual("--".utf8) {
                let line = bytes[end...].prefix { $0 != 0x0A && $0 != 0x0D }
                keep(line.dropFirst(2), from: end)
                end = line.endIndex
            } else if next.elementsEqual("/*".utf8), let close = Self.blockEnd(bytes[end...]) {
                keep(bytes[(end + 2)..<(close - 2)], from: end)
                end = close
            } else {
                return
            }
        }
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>, from start: Int) {
        var text = bytes
        while let first = text.first, Self.isSpace(first) { text.removeFirst() }
        while let last = text.last, Self.isSpace(last) { text.removeLast() }
        comments.append(Comment(text: String(decoding: text, as: UTF8.self), start: start))
    }

    /// Block comments nest in PostgreSQL.
    private static func blockEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        var index = bytes.startIndex
        while index + 1 < bytes.endIndex {
            switch (bytes[index], bytes[index + 1]) {
            case (UInt8(ascii: "/"), UInt8(ascii: "*")): depth += 1
            case (UInt8(ascii: "*"), UInt8(ascii: "/")):
                depth -= 1
                if depth == 0 { return index + 2 }
            default:
                index += 1
                continue
            }
            index += 2
        }
        return nil
    }

    package static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
