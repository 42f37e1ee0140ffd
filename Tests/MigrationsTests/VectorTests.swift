import MigrationVerdicts
import Migrations
import Testing

/// What was measured against what the linter says, with the schema known and without it.
@Suite struct VectorTests {
    @Test func `there are vectors`() { #expect(Vectors.all.count == 30) }

    @Test(arguments: Vectors.all, [true, false])
    func `nothing that breaks the stable version passes`(_ vector: Vectors.Vector, knowsSchema: Bool) throws {
        guard vector.measured_blue == "breaks" else { return }
        let verdict = try FileVerdict(try vector.file, schema: knowsSchema ? try Vectors.schema() : Schema())
        #expect(!verdict.isExpand)
    }

    @Test(arguments: Vectors.all)
    func `the verdict on the stable version agrees with what was measured`(_ vector: Vectors.Vector) throws {
        let verdict = try FileVerdict(try vector.file, schema: try Vectors.schema())
        switch vector.measured_blue {
        case "breaks": #expect(verdict.compatibility >= .depends)
        case "prepared-only": #expect(verdict.compatibility == .prepared)
        // Whether somebody prepared a SELECT * is nothing that a migration tells.
        case "ok" where vector.author_phase != "contract": #expect(verdict.isExpand)
        default: #expect(verdict.isExpand == (vector.author_phase != "contract"))
        }
    }

    @Test(arguments: Vectors.all)
    func `the verdict on locks agrees with the expected one`(_ vector: Vectors.Vector) throws {
        let verdict = try FileVerdict(try vector.file, schema: try Vectors.schema())
        let expected: [LockHazard] =
            switch vector.author_lock {
            case "none": [.none]
            case "brief": [.brief]
            default: [.long, .rewrite]
            }
        // Expected to be brief, but PostgreSQL 15 says `verifying table "users"` and reads its rows.
        guard vector.id != "add_col_check" else { return #expect(verdict.hazard == .long) }
        #expect(expected.contains(verdict.hazard))
    }
}
