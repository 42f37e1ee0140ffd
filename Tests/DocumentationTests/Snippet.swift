/// A block of code of a page.
struct Snippet: CustomStringConvertible {
    let page: String
    /// Of its first line of code, from 1.
    let line: Int
    /// What stands behind the fence, such as `yaml github`; empty for a block without one and for an indented one.
    let kind: String
    let text: String

    var description: String { "\(page):\(line)" }

    /// The blocks of `markdown`, fenced and indented.
    static func all(in markdown: String, page: String) -> [Snippet] {
        var found: [Snippet] = []
        var open: (start: Int, kind: String, indent: Int, lines: [String])?
        var indented: (start: Int, lines: [String])?
        func close(_ block: (start: Int, lines: [String])?) {
            guard let block else { return }
            let text = block.lines.joined(separator: "\n")
            found.append(Snippet(page: page, line: block.start, kind: "", text: text))
        }
        var previousIsBlank = true
        for (number, line) in markdown.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let bare = line.drop { $0 == " " }
            let indent = line.count - bare.count
            if var block = open {
                if bare.hasPrefix("```") {
                    let text = block.lines.joined(separator: "\n") + "\n"
                    found.append(Snippet(page: page, line: block.start, kind: block.kind, text: text))
                    open = nil
                } else {
                    block.lines.append(String(line.dropFirst(min(indent, block.indent))))
                    open = block
                }
                continue
            }
            if bare.hasPrefix("```") {
                close(indented)
                indented = nil
                open = (number + 2, String(bare.dropFirst(3)), indent, [])
            } else if indent >= 4, !bare.isEmpty, previousIsBlank || indented != nil {
                indented = (indented?.start ?? number + 1, (indented?.lines ?? []) + [String(line)])
            } else if !bare.isEmpty {
                close(indented)
                indented = nil
            }
            previousIsBlank = bare.isEmpty
        }
        close(indented)
        return found
    }

    /// What stands in backticks in the prose of `markdown`, with its line.
    static func spans(in markdown: String) -> [(line: Int, text: String)] {
        var spans: [(Int, String)] = []
        var isInBlock = false
        for (number, line) in markdown.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isInBlock.toggle()
            } else if !isInBlock, !line.hasPrefix("    ") {
                let parts = line.split(separator: "`", omittingEmptySubsequences: false)
                for (place, part) in parts.enumerated() where place % 2 == 1 && place < parts.count - 1 {
                    spans.append((number + 1, String(part)))
                }
            }
        }
        return spans
    }
}
