/// The lines of a configuration file, each with its own end, to take out and put in whole lines.
///
/// Lines that nobody touches stay byte for byte. Lines are numbered from 1, as HAProxy does.
package struct ConfigurationLines: Sendable {
    private var lines: [[UInt8]]
    /// What lines of ours end with: as the first line does.
    private let end: [UInt8]

    package init(_ bytes: [UInt8]) {
        lines = bytes.split(separator: Byte.lineFeed, omittingEmptySubsequences: false)
            .map { $0 + [Byte.lineFeed] }
        lines[lines.count - 1].removeLast()
        if lines.last?.isEmpty == true { lines.removeLast() }
        let isDOS = lines.first?.suffix(2).elementsEqual([Byte.carriageReturn, Byte.lineFeed]) == true
        end = isDOS ? [Byte.carriageReturn, Byte.lineFeed] : [Byte.lineFeed]
    }

    package var bytes: [UInt8] { Array(lines.joined()) }

    /// The first line with a comment that begins so; `nil` when there is none.
    package static func line(ofComment comment: String, in bytes: [UInt8]) -> Int? {
        let wanted = Array(comment.utf8)
        return bytes.withUnsafeBufferPointer { bytes in
            var line = 1
            for (index, byte) in bytes.enumerated() {
                if byte == Byte.lineFeed { line += 1 }
                if byte == Byte.number, bytes[index...].starts(with: wanted) { return line }
            }
            return nil
        }
    }

    /// The line without its end; empty beyond the last.
    package func text(_ number: Int) -> [UInt8] {
        guard lines.indices.contains(number - 1) else { return [] }
        var line = lines[number - 1]
        while let last = line.last, last == Byte.lineFeed || last == Byte.carriageReturn { line.removeLast() }
        return line
    }

    /// The blanks at the line's beginning.
    package func indent(_ number: Int) -> [UInt8] {
        Array(text(number).prefix { Byte.isSpace($0) })
    }

    /// Puts `texts` behind the line `number`; 0 is before the first.
    package mutating func insert(_ texts: [[UInt8]], after number: Int) {
        let place = min(max(number, 0), lines.count)
        if place > 0, lines[place - 1].last != Byte.lineFeed { lines[place - 1] += end }
        lines.insert(contentsOf: texts.map { $0 + end }, at: place)
    }

    /// Takes out everything from each line that contains `begin` to the next that contains `end`, both included.
    ///
    /// - Throws: where one of the two stands without the other.
    package mutating func removeBlocks(from begin: String, to end: String) throws(ConfigurationError) {
        let (opening, closing) = (Array(begin.utf8), Array(end.utf8))
        var kept: [[UInt8]] = []
        var opened: Int?
        for (index, line) in lines.enumerated() {
            if Self.isComment(line, opening) {
                if let opened { throw Self.unbalanced(begin, opened) }
                opened = index + 1
            } else if Self.isComment(line, closing) {
                guard opened != nil else { throw Self.unbalanced(end, index + 1) }
                opened = nil
            } else if opened == nil {
                kept.append(line)
            }
        }
        if let opened { throw Self.unbalanced(begin, opened) }
        lines = kept
    }

    private static func isComment(_ line: [UInt8], _ text: [UInt8]) -> Bool {
        line.drop { Byte.isSpace($0) }.starts(with: text)
    }

    private static func unbalanced(_ mark: String, _ line: Int) -> ConfigurationError {
        ConfigurationError(line: line, column: 1, message: "the line `\(mark)` has lost its counterpart")
    }
}
