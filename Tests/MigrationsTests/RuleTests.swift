import Foundation
import MigrationVerdicts
import Migrations
import Testing

@Suite struct RuleTests {
    private static let pages = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/reference/migrations").path

    private static func page(_ name: String) throws -> String {
        try String(contentsOfFile: "\(pages)/\(name).md", encoding: .utf8)
    }

    @Test func `every rule has its page, and every page its rule`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.pages)
            .filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) }
        #expect(Set(names).subtracting(["README", "squawk"]) == Set(Rule.allCases.map(\.rawValue)))
        let index = try Self.page("README")
        for rule in Rule.allCases { #expect(index.contains("](\(rule.rawValue).md)"), "\(rule)") }
    }

    @Test(arguments: Rule.allCases)
    func `a page's first example is found, its second is not, and it gives the advice`(_ rule: Rule) throws {
        let page = try Self.page(rule.rawValue)
        let examples = page.components(separatedBy: "```sql\n").dropFirst()
            .map { $0.components(separatedBy: "\n```")[0] }
        #expect(try Sentence.known(try #require(examples.first)).rules.contains(rule))
        if examples.count > 1 { #expect(try !Sentence.known(examples[1]).rules.contains(rule)) }
        #expect(!rule.instead.isEmpty && page.contains(rule.instead))
    }

    @Test(arguments: [
        (
            "ALTER TABLE users ADD COLUMN t uuid DEFAULT gen_random_uuid()", Rule.volatileDefault,
            LockHazard.rewrite
        ),
        ("CREATE INDEX i ON orders (state)", .indexNotConcurrent, .long),
        ("ALTER TABLE orders ADD CHECK (total > 0)", .constraintScan, .long),
        ("ALTER TABLE users ALTER COLUMN name SET NOT NULL", .notNullScan, .long),
        ("ALTER TABLE orders ADD UNIQUE (sku)", .uniqueBuildsIndex, .long),
        ("ALTER TABLE settings SET UNLOGGED", .tableRewrite, .rewrite),
        ("VACUUM FULL users", .tableRewrite, .rewrite),
        ("UPDATE users SET status = 'x'", .updateInOne, .long),
        ("UPDATE users SET status = 'x' WHERE status <> 'x'", .updateInOne, .long),
        ("LOCK TABLE users", .explicitLock, .long),
        ("REFRESH MATERIALIZED VIEW m", .refreshNotConcurrent, .long),
        ("REINDEX TABLE users", .reindexNotConcurrent, .long),
        ("ALTER TABLE users DROP COLUMN age", .missingLockTimeout, .brief),
    ])
    func `a lock that users wait for is found`(_ sql: String, _ rule: Rule, _ hazard: LockHazard) throws {
        let sentence = try Sentence(sql)
        #expect(sentence.rules.contains(rule))
        #expect(sentence.hazard == hazard)
    }

    @Test(arguments: [
        "UPDATE users SET status = 'x' WHERE id BETWEEN 1 AND 1000",
        "UPDATE users SET status = 'x' WHERE id > 5 AND id <= 1000",
        "UPDATE users SET status = 'x' WHERE id IN (SELECT id FROM users WHERE status <> 'x' LIMIT 1000)",
        "COMMENT ON TABLE users IS 'x'", "ALTER TABLE users VALIDATE CONSTRAINT c", "ANALYZE users",
        "CREATE TABLE n (a int); CREATE INDEX ON n (a); ALTER TABLE n ADD UNIQUE (a)",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m", "SELECT 1",
    ])
    func `nobody waits where nobody has to`(_ sql: String) throws {
        #expect(try Sentence(sql).hazard == .none)
    }

    @Test func `a lock is held until the transaction ends, and long when what follows is`() throws {
        let sql =
            "ALTER TABLE a ADD CONSTRAINT c CHECK (x > 0) NOT VALID; ALTER TABLE a VALIDATE CONSTRAINT c;"
        #expect(try Sentence(sql).rules.contains(.lockHeld))
        let apart = "BEGIN; ALTER TABLE a ADD CONSTRAINT c CHECK (x > 0) NOT VALID; COMMIT; "
        #expect(try !Sentence(apart + "ALTER TABLE a VALIDATE CONSTRAINT c").rules.contains(.lockHeld))
    }

    @Test func `a lock_timeout holds from where it is set, and 0 is none`() throws {
        let alter = "ALTER TABLE users ADD COLUMN x int"
        #expect(try !Sentence("SET lock_timeout = '2s'; \(alter)").rules.contains(.missingLockTimeout))
        #expect(try Sentence("\(alter); SET lock_timeout = '2s'").rules.contains(.missingLockTimeout))
        #expect(try Sentence("SET lock_timeout = 0; \(alter)").rules.contains(.missingLockTimeout))
    }

    @Test func `CONCURRENTLY in a transaction block is found`() throws {
        let index = "CREATE INDEX CONCURRENTLY i ON orders (state);"
        #expect(try Sentence("BEGIN; \(index) COMMIT;").rules.contains(.concurrentlyInTransaction))
        #expect(try !Sentence(index).rules.contains(.concurrentlyInTransaction))
    }

    @Test(arguments: [
        "DO $$ BEGIN PERFORM 1; END $$", "SELECT my_function()", "CALL p()",
        "CREATE EVENT TRIGGER e ON "
            + "ddl_command_end EXECUTE FUNCTION f()", "CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING",
        "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION elsewhere()",
        "ALTER TABLE users FROB",
    ])
    func `what the linter cannot see is unknown, not safe`(_ sql: String) throws {
        #expect(try Sentence(sql).compatibility == .unknown)
    }

    @Test func `a table of an earlier file of the release is new in a later one`() throws {
        let files = [
            MigrationFile(path: "1.sql", text: "CREATE TABLE n (a int NOT NULL, b int)"),
            MigrationFile(path: "2.sql", text: "ALTER TABLE n DROP COLUMN b; CREATE INDEX ON n (a)"),
        ]
        let verdicts = try MigrationLinter().lint(files).statements.map(\.verdict)
        #expect(verdicts.allSatisfy { $0.compatibility == .compatible && $0.hazard == .none })
        let alone = try MigrationLinter().lint([files[1]]).statements.map(\.verdict.compatibility)
        #expect(alone.first == .breaks)
    }
}
