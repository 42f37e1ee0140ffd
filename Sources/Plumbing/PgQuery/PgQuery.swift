internal import CPgQuery

/// A statement of an SQL text, by PostgreSQL's own parser.
package struct ParsedStatement: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        /// `kind` is the parser's name for it: `AlterTableStmt`.
        case parsed(kind: String, SyntaxNode)
        /// The grammar refuses it; `offset` is where, in bytes from the text's beginning.
        case refused(message: String, offset: Int)
    }

    package let content: Content
    /// From its first word to before its semicolon, in bytes from the text's beginning.
    package let range: Range<Int>
}

/// Why a text has no statements.
package enum PgQueryError: Error, Hashable, Sendable {
    /// Trying again changes nothing: the parser's library is not there.
    case unavailable(String)
    /// Not SQL, such as a string without its end; `offset` is in bytes from the text's beginning.
    case unreadable(message: String, offset: Int)
}

/// PostgreSQL's own parser, by libpg_query, which is loaded for the first text.
package enum PgQuery {
    /// The PostgreSQL whose grammar it is.
    package static let version = 15

    /// The statements of a text in their order.
    ///
    /// A statement that the grammar refuses does not hide the others: each is then parsed by itself.
    package static func statements(of text: String) throws(PgQueryError) -> [ParsedStatement] {
        try load()
        guard !text.utf8.contains(0) else {
            throw .unreadable(message: "a NUL character", offset: text.utf8.prefix { $0 != 0 }.count)
        }
        switch parse(text) {
        case .success(let tree): return located(tree, in: Array(text.utf8))
        case .failure: return try oneByOne(text)
        }
    }

    /// The body of a PL/pgSQL `CREATE FUNCTION` or of a `DO`, as a tree; `nil` when it cannot be read.
    package static func body(of statement: String) throws(PgQueryError) -> SyntaxNode? {
        try load()
        guard !statement.utf8.contains(0) else { return nil }
        let result = statement.withCString { bg_pgquery_parse_plpgsql($0) }
        defer { bg_pgquery_free_plpgsql_parse_result(result) }
        guard result.error == nil, let text = result.plpgsql_funcs else { return nil }
        return try? node(text)
    }

    private static func load() throws(PgQueryError) {
        guard Int(bg_pgquery_load()) != bg_pgquery_ready else { return }
        let reason = String(cString: bg_pgquery_load_error())
        throw .unavailable(
            Int(bg_pgquery_load()) == bg_pgquery_absent
                ? "libpg_query is not installed: apt-get install libpg-query1504.0 (\(reason))"
                : "libpg_query cannot be used: \(reason)"
        )
    }

    // MARK: a text

    private struct Refusal: Error {
        let message: String
        /// In characters, from 0.
        let character: Int
    }

    private static func parse(_ text: String) -> Result<SyntaxNode, Refusal> {
        let result = text.withCString { bg_pgquery_parse($0) }
        defer { bg_pgquery_free_parse_result(result) }
        if let error = result.error {
            let message = error.pointee.message.map { String(cString: $0) } ?? "no reason was given"
            return .failure(Refusal(message: message, character: Int(error.pointee.cursorpos) - 1))
        }
        guard let tree = result.parse_tree, let node = try? node(tree) else {
            return .failure(Refusal(message: "nested too deeply to be judged", character: 0))
        }
        return .success(node)
    }

    private static func node(_ text: UnsafePointer<CChar>) throws(SyntaxNode.JSONProblem) -> SyntaxNode {
        var length = 0
        while text[length] != 0 { length += 1 }
        return try text.withMemoryRebound(to: UInt8.self, capacity: length) {
            bytes throws(SyntaxNode.JSONProblem) in
            try SyntaxNode(json: UnsafeBufferPointer(start: bytes, count: length))
        }
    }

    private static func located(_ tree: SyntaxNode, in bytes: [UInt8]) -> [ParsedStatement] {
        tree["stmts"].items.compactMap { item in
            guard let (kind, node) = item["stmt"].tagged else { return nil }
            let start = item["stmt_location"].number ?? 0
            // Without a length it goes to the text's end.
            let length = item["stmt_len"].number ?? 0
            let end = length > 0 ? start + length : bytes.count
            return ParsedStatement(
                content: .parsed(kind: kind, node),
                range: trimmed(start..<end, in: bytes)
            )
        }
    }

    private static func oneByOne(_ text: String) throws(PgQueryError) -> [ParsedStatement] {
        let bytes = Array(text.utf8)
        return try ranges(of: text).flatMap { range -> [ParsedStatement] in
            let range = trimmed(range, in: bytes)
            guard !range.isEmpty else { return [] }
            let part = String(decoding: bytes[range], as: UTF8.self)
            switch parse(part) {
            case .success(let tree):
                return located(tree, in: Array(part.utf8)).map { found in
                    let moved = found.range.lowerBound + range.lowerBound
                    return ParsedStatement(
                        content: found.content,
                        range: moved..<moved + found.range.count
                    )
                }
            case .failure(let refusal):
                let before = part.unicodeScalars.prefix(max(0, refusal.character))
                let offset = range.lowerBound + String(String.UnicodeScalarView(before)).utf8.count
                return [
                    ParsedStatement(
                        content: .refused(message: refusal.message, offset: offset),
                        range: range
                    )
                ]
            }
        }
    }

    /// Where the statements stand, by the lexer alone.
    private static func ranges(of text: String) throws(PgQueryError) -> [Range<Int>] {
        let result = text.withCString { bg_pgquery_split($0) }
        defer { bg_pgquery_free_split_result(result) }
        if let error = result.error {
            let message = error.pointee.message.map { String(cString: $0) } ?? "no reason was given"
            let before = text.unicodeScalars.prefix(max(0, Int(error.pointee.cursorpos) - 1))
            let offset = String(String.UnicodeScalarView(before)).utf8.count
            throw .unreadable(message: message, offset: offset)
        }
        return (0..<Int(result.n_stmts)).compactMap { index in
            guard let part = result.stmts[index] else { return nil }
            let start = Int(part.pointee.stmt_location)
            return start..<start + Int(part.pointee.stmt_len)
        }
    }

    /// Without the space and the comments around it.
    private static func trimmed(_ range: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
        let start = SQLGap(bytes[range]).end
        var end = range.upperBound
        while end > start, SQLGap.isSpace(bytes[end - 1]) { end -= 1 }
        return start..<max(start, end)
    }
}
