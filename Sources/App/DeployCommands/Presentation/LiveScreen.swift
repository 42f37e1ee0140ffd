/// Draws frames one over the other, without the alternate screen: the last one stays in the scrollback.
struct LiveScreen: Sendable {
    struct Size: Equatable, Sendable {
        var columns: Int
        var rows: Int
    }

    /// The cells of each line of the frame on the screen.
    private var drawn: [Int] = []

    /// What to write so that `lines` stand where the last frame stood.
    ///
    /// Lines do not wrap while a frame is written, so that a character whose width was guessed wrong cannot
    /// push the next frame off its place.
    mutating func frame(_ lines: [String], size: Size) -> String {
        // A terminal that became narrower has wrapped the old lines.
        let height = drawn.reduce(0) { $0 + max(1, ($1 + size.columns - 1) / max(1, size.columns)) }
        var text = "\u{1B}[?7l\r"
        if height > 0 { text += "\u{1B}[\(min(height, size.rows))A" }
        // Erased before, not after: a line that fills its row leaves the cursor on its last character.
        for line in lines { text += "\u{1B}[2K\(line)\n" }
        drawn = lines.map(Self.cells)
        return text + "\u{1B}[J\u{1B}[?7h"
    }

    /// Without the sequences that colour.
    private static func cells(_ line: String) -> Int {
        var plain = ""
        var isInSequence = false
        for scalar in line.unicodeScalars {
            if scalar == "\u{1B}" { isInSequence = true }
            if !isInSequence { plain.unicodeScalars.append(scalar) }
            if scalar == "m" { isInSequence = false }
        }
        return LiveLine.cells(plain)
    }
}
