import PgQuery
import Testing

@Suite struct PgQueryTests {
    private func kinds(_ text: String) throws -> [String] {
        try PgQuery.statements(of: text).map { statement in
            switch statement.content {
            case .parsed(let kind, _): kind
            case .refused(let message, let offset): "\(message) at \(offset)"
            }
        }
    }

    private func texts(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        return try PgQuery.statements(of: text).map { String(decoding: bytes[$0.range], as: UTF8.self) }
    }

    @Test func `a statement begins with its first word, whatever comments are before it`() throws {
        let text = "-- ä\n/* a /* b; */ c */ SELECT 1 ;\n\n-- last\nDROP TABLE \"ü;\" ; -- end\n"
        #expect(try texts(text) == ["SELECT 1", "DROP TABLE \"ü;\""])
        #expect(try kinds(text) == ["SelectStmt", "DropStmt"])
    }

    @Test func `nothing but comments is no statement`() throws {
        #expect(try PgQuery.statements(of: "-- nothing\n;;\n/* */").isEmpty)
        #expect(try PgQuery.statements(of: "").isEmpty)
    }

    @Test func `what the grammar refuses does not hide its neighbours`() throws {
        let text = "SELECT 'ä'; ALTER TABLE ä FOO BAR; DROP TABLE b;"
        let found = try kinds(text)
        #expect(found.count == 3)
        #expect(found.first == "SelectStmt")
        #expect(found.last == "DropStmt")
        let offset = text.utf8.count - " BAR; DROP TABLE b;".utf8.count - "FOO".utf8.count
        #expect(found[1] == "syntax error at or near \"FOO\" at \(offset)")
    }

    @Test func `a semicolon in a function's body ends nothing`() throws {
        let text = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2; $$; SELECT 3"
        #expect(try kinds(text) == ["CreateFunctionStmt", "SelectStmt"])
    }

    @Test func `a string without its end is not SQL, and the place is told`() throws {
        let error = #expect(throws: PgQueryError.self) {
            _ = try PgQuery.statements(of: "SELECT 1;\nSELECT 'open")
        }
        guard case .unreadable(let message, let offset) = error else { return #expect(Bool(false)) }
        #expect(message.contains("unterminated"))
        #expect(offset >= 10)
    }

    @Test func `a NUL is refused instead of ending the text`() {
        #expect(throws: PgQueryError.unreadable(message: "a NUL character", offset: 8)) {
            _ = try PgQuery.statements(of: "SELECT 1\u{0}; DROP TABLE a")
        }
    }

    @Test func `text that is nested very deeply is refused, and the process lives`() throws {
        let text =
            "SELECT " + String(repeating: "1 + (", count: 3000) + "1" + String(repeating: ")", count: 3000)
        #expect(try kinds(text).count == 1)
    }

    @Test func `strings come as they are written`() throws {
        let parsed = try PgQuery.statements(of: "COMMENT ON TABLE a IS E'q\\\"\\\\ \\n\\t é 😀 \\x01'")
        guard case .parsed(_, let node) = parsed[0].content else { return #expect(Bool(false)) }
        #expect(node["comment"].text == "q\"\\ \n\t é 😀 \u{1}")
    }

    @Test(arguments: ["", "{", "[1", "{\"a\"}", "nul", "\"a", "1 2", "{\"a\":1,}", "\"\\u12\""])
    func `broken JSON is refused`(_ text: String) {
        #expect(throws: SyntaxNode.JSONProblem.self) { _ = try SyntaxNode(json: text) }
    }

    @Test func `JSON is read with its escapes, and fractions are cut off`() throws {
        let node = try SyntaxNode(json: "{\"a\": [1, -2.5e3, true, null, \"\\ud83d\\ude00\\/\"]}")
        #expect(node["a"].items == [.number(1), .number(-2), .flag(true), .null, .text("😀/")])
        #expect(node["b"].isNull)
    }
}
