package import MigrationVerdicts
package import Migrations

/// Migration verdicts as programs read them.
package enum LintJSON {
    package static func statement(_ statement: LintedStatement) -> JSON {
        let verdict = statement.verdict
        let rules = rules(of: verdict)
        let names = rules.map { JSON.text($0.rawValue) }
        let advice = rules.map(\.instead).joined(separator: " ")
        let findings = verdict.findings.map { finding($0) }
        let fields: [(String, JSON)] = [
            ("file", .text(statement.file)),
            ("line", .number(statement.line)),
            ("statement", .text(statement.text)),
            ("compatibility", .text(verdict.compatibility.rawValue)),
            ("lock", .text(verdict.hazard.rawValue)),
            ("rules", .list(names)),
            ("advice", .text(advice)),
            ("stops", .flag(verdict.stops)),
            ("findings", .list(findings)),
            ("locks", .list(verdict.locks.map { lock($0) })),
        ]
        return .object(fields)
    }

    private static func finding(_ finding: MigrationVerdicts.Finding) -> JSON {
        .object([
            ("rule", .text(finding.rule.rawValue)),
            ("compatibility", .text(finding.compatibility.rawValue)),
            ("lock", .text(finding.hazard.rawValue)),
            ("why", .text(finding.why)),
            ("allowed", finding.allowed.map { .text($0) } ?? .null),
        ])
    }

    private static func lock(_ lock: TakenLock) -> JSON {
        .object([
            ("lock", .text(lock.level.rawValue)),
            ("table", lock.table.map { .text($0.description) } ?? .null),
            ("hazard", .text(lock.hazard.rawValue)),
        ])
    }

    /// Each once, the worst first.
    package static func rules(of verdict: Verdict) -> [Rule] {
        let sorted = verdict.findings.sorted {
            ($0.compatibility, $0.hazard) > ($1.compatibility, $1.hazard)
        }
        var seen: Set<Rule> = []
        return sorted.map(\.rule).filter { seen.insert($0).inserted }
    }
}
