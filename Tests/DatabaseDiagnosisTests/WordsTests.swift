import PostgresClient
import Testing

@testable import DatabaseDiagnosis

@Suite struct WordsTests {
    @Test(arguments: [
        ("ALTER ROLE x PASSWORD 'hunter2' LOGIN", "ALTER ROLE x PASSWORD …"),
        ("SELECT dblink('postgresql://u:hunter2@h/d')", "SELECT dblink('postgresql://***@h/d')"),
        ("SELECT 'sesame'", "SELECT '***'"), ("SELECT\n\t1", "SELECT 1"), ("the password", "the password"),
    ])
    func `a statement is one line without passwords`(query: String, shown: String) {
        #expect(QueryText(query, secret: "sesame").description == shown)
    }

    @Test func `a long statement is cut off`() {
        #expect(QueryText(String(repeating: "x", count: 500)).description.count == 121)
    }

    @Test func `figures as people read them`() {
        #expect(
            [0.04, 9.9, 45, 600, 7300, 864_000].map(Words.seconds) == [
                "40 ms", "9.9 s", "45 s", "10 min", "2 h 1 min", "10 days",
            ]
        )
        #expect([12, 4096, 1_300_000_000].map { Words.bytes($0) } == ["12 B", "4.0 kB", "1.2 GB"])
        #expect(
            [0, 0.0001, 0.034, 0.999, 1].map(Words.percent) == [
                "0 %", "under 0.1 %", "3.4 %", "99 %", "100 %",
            ]
        )
        #expect(Words.count(1_234_567) == "1,234,567")
    }

    @Test func `names and texts in a statement are quoted`() {
        #expect(Words.literal("it's") == "'it''s'")
        #expect(Words.literal(#"a\'b"#) == #"E'a\\''b'"#)
        #expect(Words.name(#"a"b"#) == #""a""b""#)
    }
}
