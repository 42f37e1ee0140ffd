/// One directive and where it stands, for those who look at more than upstreams.
package struct Statement: Hashable, Sendable {
    /// Names it within its configuration.
    package let index: Int
    package let name: String
    /// Unquoted.
    package let arguments: [String]
    /// Counts from 1.
    package let line: Int
    package let hasBlock: Bool
    /// From the first byte of the name through the `;` or the `{`.
    package let head: Range<Int>
}

/// Bytes that take the place of others.
package struct TextEdit: Hashable, Sendable {
    /// Empty for an insertion.
    package let range: Range<Int>
    package let text: [UInt8]

    package init(_ range: Range<Int>, _ text: String) {
        self.range = range
        self.text = Array(text.utf8)
    }
}

extension NginxConfiguration {
    /// The directives directly inside `block`, or of the file; blocks inside them are not entered.
    package func statements(in block: Statement? = nil) -> [Statement] {
        let range = block.map { $0.index + 1..<directives[$0.index].next } ?? directives.indices
        guard block?.hasBlock != false else { return [] }
        var found: [Statement] = []
        forEachChild(of: range, []) { index in
            found.append(statement(at: index))
            return true
        }
        return found
    }

    /// The block itself.
    package func statement(of upstream: Upstream) -> Statement { statement(at: upstream.handle.directive) }

    /// The words of a directive as they stand, quotes and escapes included; the first is its name.
    package func words(of statement: Statement) -> [String] {
        directives[statement.index].tokens.map { String(decoding: bytes[tokens[$0].range], as: UTF8.self) }
    }

    /// Where an argument stands, quotes included.
    package func range(ofArgument argument: Int, in statement: Statement) -> Range<Int> {
        tokens[argumentTokens(of: statement.index).lowerBound + argument].range
    }

    /// The text with `edits` made.
    ///
    /// - Precondition: they do not overlap. Several insertions at one place are made in their order.
    package func text(with edits: [TextEdit]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + edits.reduce(0) { $0 + $1.text.count })
        var copied = 0
        let ordered = edits.enumerated().sorted {
            ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset)
        }
        for (_, edit) in ordered {
            precondition(edit.range.lowerBound >= copied, "edits overlap")
            text += bytes[copied..<edit.range.lowerBound]
            text += edit.text
            copied = edit.range.upperBound
        }
        return text + bytes[copied...]
    }

    /// What makes `directives` new lines before `statement`, indented like it; words in front where it does
    /// not begin its line.
    package func insertion(of directives: [String], before statement: Statement) -> TextEdit {
        let place = statement.head.lowerBound
        let indent = indentation(before: place)
        let between = indent.map { lineEnd + $0 } ?? " "
        return TextEdit(place..<place, directives.map { $0 + between }.joined())
    }

    /// What makes `directives` new lines behind `statement`, a simple one, or the first ones in its block.
    package func insertion(of directives: [String], behind statement: Statement) -> TextEdit {
        let place = statement.head.upperBound
        guard let next = startOfNextLine(after: place), let indent = indentation(behind: statement) else {
            return TextEdit(place..<place, directives.map { " " + $0 }.joined())
        }
        return TextEdit(next..<next, directives.map { indent + $0 + lineEnd }.joined())
    }

    // MARK: parts

    private func statement(at index: Int) -> Statement {
        let directive = directives[index]
        let words = directive.tokens
        let start = tokens[words.lowerBound].range.lowerBound
        return Statement(
            index: index,
            name: text(of: words.lowerBound),
            arguments: words.dropFirst().map { text(of: $0) },
            line: Int(directive.line),
            hasBlock: directive.hasBlock,
            head: start..<terminator(after: tokens[words.upperBound - 1].range.upperBound)
        )
    }

    /// Behind the `;` or `{` that ends a directive's words; comments may stand between.
    private func terminator(after end: Int) -> Int {
        var place = end
        while place < bytes.count, bytes[place] != Byte.semicolon, bytes[place] != Byte.openingBrace {
            if bytes[place] == Byte.number { place = bytes[place...].firstIndex(of: Byte.lineFeed) ?? place }
            place += 1
        }
        return min(place + 1, bytes.count)
    }

    /// As the file ends its lines.
    private var lineEnd: String {
        guard let feed = bytes.firstIndex(of: Byte.lineFeed), feed > 0 else { return "\n" }
        return bytes[feed - 1] == Byte.carriageReturn ? "\r\n" : "\n"
    }

    /// The blanks that begin the line of `place`; `nil` when something else stands before it.
    private func indentation(before place: Int) -> String? {
        let start = bytes[..<place].lastIndex(of: Byte.lineFeed).map { $0 + 1 } ?? 0
        let blanks = bytes[start..<place]
        guard blanks.allSatisfy({ $0 == Byte.space || $0 == Byte.tab }) else { return nil }
        return String(decoding: blanks, as: UTF8.self)
    }

    /// Where the next line begins, when only blanks and a comment are left of this one.
    private func startOfNextLine(after place: Int) -> Int? {
        guard let feed = bytes[place...].firstIndex(of: Byte.lineFeed) else { return nil }
        let rest = bytes[place..<feed].drop { Byte.isSpace($0) }
        return rest.isEmpty || rest.first == Byte.number ? feed + 1 : nil
    }

    /// How a line behind `statement` is indented: like it, or for a block like what is in it.
    private func indentation(behind statement: Statement) -> String? {
        guard statement.hasBlock else { return indentation(before: statement.head.lowerBound) }
        if let first = statements(in: statement).first { return indentation(before: first.head.lowerBound) }
        return indentation(before: statement.head.lowerBound).map { $0 + "    " }
    }
}
