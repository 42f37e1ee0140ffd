import DeployPorts
import MigrationVerdicts

/// What the linter says of all that is pending, and what it could not see.
struct GateVerdict {
    let report: LintReport
    /// Migrations that nobody could tell as SQL.
    let unseen: [String]

    /// The worst, with what a file allows counted as what it is.
    var compatibility: Compatibility {
        let worst = report.statements.map(\.verdict.compatibility).max() ?? .compatible
        let isBlind = !unseen.isEmpty || !report.mistakes.isEmpty
        return isBlind ? max(worst, .unknown) : worst
    }

    var hazard: LockHazard { report.statements.map(\.verdict.hazard).max() ?? .none }

    /// What breaks the stable version, and the file does not say why it may.
    var breaking: [LintedStatement] { report.statements.filter { $0.verdict.stops } }

    /// What users would wait for, and the file does not say why they may.
    var locking: [LintedStatement] { report.statements.filter(\.verdict.locksOut) }

    /// Each allowance that was used, as a line.
    var suppressions: [String] {
        report.statements.flatMap { statement in
            statement.verdict.findings.compactMap { finding in
                finding.allowed.map {
                    "\(statement.place): \(finding.rule.rawValue) is allowed because \($0)"
                }
            }
        }
    }

    /// Each finding that speaks against a statement, with what to do instead on a line of its own; what is not
    /// seen behind them.
    var lines: [String] {
        let found = report.statements.flatMap { statement in
            statement.verdict.findings.filter(\.counts).flatMap {
                ["\(statement.place): \($0.told)", $0.wayOut]
            }
        }
        let mistakes = report.mistakes.map { "\($0.file):\($0.line): \($0.message)" }
        let blind = unseen.map {
            "\($0): unknown: the tool does not tell it as SQL, so that nobody has judged it"
        }
        return found + mistakes + blind
    }
}

extension LintedStatement {
    var place: String { "\(file):\(line)" }

    /// For a failure: where, and for each finding that counts what and how else.
    func complaint(_ counts: (Finding) -> Bool) -> String {
        let first = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let findings = verdict.findings.filter { $0.allowed == nil && counts($0) }.flatMap {
            ["    \($0.rule.rawValue): \($0.why)", "    instead: \($0.rule.instead)"]
        }
        return (["  \(place): \(first.prefix(100))"] + findings).joined(separator: "\n")
    }
}

extension Finding {
    /// Advice that both verdicts do not rest on, such as to set a lock's time limit, which the gate's tool has.
    fileprivate var counts: Bool { compatibility != .compatible || hazard != .none }

    /// Both verdicts, the rule and why.
    fileprivate var told: String {
        "stable version \(compatibility.rawValue), lock \(hazard.rawValue): \(rule.rawValue): \(why)"
    }

    /// The other way, or the reason why it may be.
    fileprivate var wayOut: String {
        allowed.map { "  allowed because \($0)" } ?? "  instead: \(rule.instead)"
    }
}

extension Verdict {
    fileprivate var locksOut: Bool {
        guard hazard >= .long else { return false }
        let findings = findings.filter { $0.hazard >= .long }
        return findings.isEmpty || findings.contains { $0.allowed == nil }
    }
}
