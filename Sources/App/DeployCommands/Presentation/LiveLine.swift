import DeployOperations

/// One line of a live view: pieces of text with their colours, measured in cells of the terminal.
struct LiveLine: Equatable, Sendable {
    struct Piece: Equatable, Sendable {
        let text: String
        let tint: Style.Tint?
    }

    private(set) var pieces: [Piece] = []

    init(_ text: String = "", _ tint: Style.Tint? = nil) { add(text, tint) }

    /// Control characters are shown, never sent, and a line stays one line.
    mutating func add(_ text: String, _ tint: Style.Tint? = nil) {
        guard !text.isEmpty else { return }
        pieces.append(Piece(text: Style.harmless(text).replacing("\n", with: " "), tint: tint))
    }

    func adding(_ text: String, _ tint: Style.Tint? = nil) -> LiveLine {
        var line = self
        line.add(text, tint)
        return line
    }

    /// In `width` cells at most; what was cut off is told by `…`.
    func rendered(width: Int, _ style: Style) -> String {
        let isCut = pieces.reduce(0) { $0 + Self.cells($1.text) } > width
        var room = isCut ? width - 1 : width
        var text = ""
        for piece in pieces {
            let part = Self.prefix(of: piece.text, cells: room)
            room -= Self.cells(part)
            guard !part.isEmpty else { break }
            text += piece.tint.map { style(part, $0) } ?? part
        }
        return isCut && width > 0 ? text + "…" : text
    }

    // MARK: cells

    /// The cells that a terminal gives to `text`, which has no control characters.
    static func cells(_ text: String) -> Int { text.reduce(0) { $0 + cells($1) } }

    /// After UAX 11 and the emoji presentation of UTS 51; a wrong guess is cut off by the terminal.
    private static func cells(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if character.unicodeScalars.contains(where: { $0.value == 0xFE0F }) { return 2 }
        if first.properties.isEmojiPresentation { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch first.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
            0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    private static func prefix(of text: String, cells limit: Int) -> String {
        var room = limit
        return String(
            text.prefix { character in
                room -= cells(character)
                return room >= 0
            }
        )
    }

    /// `text` in lines of `width` cells, `limit` of them at most, broken between words where there are any.
    static func wrapped(_ text: String, width: Int, limit: Int) -> [String] {
        var lines: [String] = []
        for paragraph in Style.harmless(text).split(separator: "\n") {
            var line = ""
            for word in paragraph.split(separator: " ", omittingEmptySubsequences: false) {
                let longer = line.isEmpty ? String(word) : "\(line) \(word)"
                if cells(longer) > width, !line.isEmpty {
                    lines.append(line)
                    line = String(word)
                } else {
                    line = longer
                }
            }
            lines.append(line)
        }
        guard lines.count > limit else { return lines }
        return lines.prefix(limit - 1) + ["\(lines[limit - 1]) …"]
    }
}
