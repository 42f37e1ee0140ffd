import MigrationVerdicts
import Migrations
import Testing

@Suite struct AllowanceTests {
    private static let drop = "ALTER TABLE users DROP COLUMN age"

    @Test func `a reason in the file lets a breaking statement pass, and is kept`() throws {
        let report = try Sentence("-- bgdeploy: allow drop-column because nobody reads it\n\(Self.drop);")
            .report
        let verdict = try #require(report.statements.first?.verdict)
        #expect(!report.stops)
        #expect(verdict.compatibility == .breaks)
        #expect(verdict.needsForwardFix)
        #expect(verdict.findings.first { $0.rule == .dropColumn }?.allowed == "nobody reads it")
    }

    @Test func `a comment behind a statement is that statement's`() throws {
        let text =
            "\(Self.drop); -- bgdeploy: allow drop-column because of v3\nALTER TABLE users DROP COLUMN b;"
        let verdicts = try Sentence(text).verdicts
        #expect(verdicts.map(\.stops) == [false, true])
    }

    @Test func `an allowance is for its rule and its statement alone`() throws {
        let other = "-- bgdeploy: allow drop-table because x\n\(Self.drop);"
        #expect(try Sentence(other).report.stops)
        let text = "-- bgdeploy: allow drop-column because x\nSELECT 1;\n\(Self.drop);"
        #expect(try Sentence(text).report.stops)
    }

    @Test(arguments: [
        ("-- bgdeploy: allow drop-column", "needs a reason"),
        ("-- bgdeploy: allow drop-column because ", "needs a reason"),
        ("-- bgdeploy: ignore drop-column because x", "expected `bgdeploy: allow"),
        ("-- bgdeploy: allow because x", "expected `bgdeploy: allow"),
        ("-- bgdeploy: allow drop-colum because x", "did you mean drop-column?"),
    ])
    func `an allowance that says nothing is a mistake with its place`(
        _ comment: String,
        _ told: String
    ) throws {
        let report = try Sentence("SELECT 1;\n  \(comment)\n\(Self.drop);").report
        let mistake = try #require(report.mistakes.first)
        #expect(report.mistakes.count == 1)
        #expect(mistake.message.contains(told))
        #expect([mistake.line, mistake.column] == [2, 3])
        #expect(report.stops)
    }

    @Test func `an allowance without a statement behind it is a mistake`() throws {
        let report = try Sentence("SELECT 1;\n-- bgdeploy: allow drop-column because x\n").report
        #expect(report.mistakes.map(\.line) == [2])
    }

    @Test func `what the parser refuses is told with its place, and may be allowed`() throws {
        let text = "SELECT 1;\nALTER TABLE ä\n  FROB;\n\(Self.drop);"
        let report = try Sentence(text).report
        #expect(report.mistakes.map { [$0.line, $0.column] } == [[3, 3]])
        #expect(report.statements.map(\.verdict.compatibility) == [.compatible, .unknown, .breaks])
        let allowed = "-- bgdeploy: allow not-parsed because it is of PostgreSQL 18\nALTER TABLE a FROB;"
        #expect(try !Sentence(allowed).report.stops)
    }

    @Test func `a file that is not SQL is a mistake with its place`() throws {
        let report = try Sentence("SELECT 1;\nSELECT 'open").report
        #expect(report.statements.isEmpty)
        #expect(report.mistakes.map(\.line) == [2])
    }
}
