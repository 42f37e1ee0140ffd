import MigrationVerdicts
import Migrations

/// The linter's verdict on a few statements.
struct Sentence {
    let report: LintReport

    init(_ text: String, schema: Schema = Schema()) throws {
        report = try MigrationLinter(schema: schema).lint([MigrationFile(path: "m.sql", text: text)])
    }

    /// With the schema of the vectors.
    static func known(_ text: String) throws -> Sentence { try Sentence(text, schema: try Vectors.schema()) }

    var verdicts: [Verdict] { report.statements.map(\.verdict) }
    var compatibility: Compatibility { verdicts.map(\.compatibility).max() ?? .compatible }
    var hazard: LockHazard { verdicts.map(\.hazard).max() ?? .none }
    var rules: Set<Rule> { Set(verdicts.flatMap(\.findings).map(\.rule)) }
}
