/// A file's text whose places can be told by line and column.
struct NumberedText {
    let bytes: [UInt8]
    private let path: String
    /// Where each line begins.
    private let starts: [Int]

    init(_ file: MigrationFile) {
        path = file.path
        bytes = Array(file.text.utf8)
        var starts = [0]
        for (index, byte) in bytes.enumerated() where byte == 0x0A { starts.append(index + 1) }
        self.starts = starts
    }

    subscript(range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// From 1; a column is a character's, not a byte's.
    func place(of offset: Int) -> (line: Int, column: Int) {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle } else { high = middle }
        }
        let before = bytes[starts[low]..<min(max(offset, starts[low]), bytes.count)]
        return (low + 1, String(decoding: before, as: UTF8.self).count + 1)
    }

    func line(of offset: Int) -> Int { place(of: offset).line }

    func mistake(_ message: String, at offset: Int) -> LintMistake {
        let place = place(of: offset)
        return LintMistake(file: path, line: place.line, column: place.column, message: message)
    }
}
