import DeployOperations
import MigrationVerdicts
import Migrations

/// Prints what the linter says of migrations.
struct LintView {
    let report: LintReport
    let files: Int
    let printer: Printer
    let style: Style

    func show(as format: OutputFormat) {
        switch format {
        case .json: printer.line(JSON.text(.list(report.statements.map(LintJSON.statement)), indent: 1))
        case .text: showText()
        case .github:
            showText()
            for statement in report.statements { annotate(statement) }
        }
        for mistake in report.mistakes {
            let place = "\(mistake.file):\(mistake.line):\(mistake.column)"
            Printer.errors.line(Style.harmless("bgdeploy: \(place): \(mistake.message)"))
            guard format == .github else { continue }
            annotate("error", mistake.file, mistake.line, "bgdeploy", mistake.message)
        }
    }

    // MARK: text

    private func showText() {
        for statement in report.statements { show(statement) }
        let verdicts = report.statements.map(\.verdict)
        let counts = Compatibility.allCases.reversed().compactMap { kind -> String? in
            let count = verdicts.count { $0.compatibility == kind }
            return count == 0 ? nil : "\(count) \(Self.word(kind))"
        }
        let waits = verdicts.count { $0.hazard >= .long }
        let parts = counts + (waits > 0 ? ["\(waits) with users waiting for long"] : [])
        printer.line(
            "\(verdicts.count) statements in \(files == 1 ? "1 file" : "\(files) files")"
                + (parts.isEmpty ? "" : ": ")
                + parts.joined(separator: ", ")
        )
        if verdicts.contains(where: \.stops) {
            printer.line(
                style("A release with these stops here", .red)
                    + ", unless the file says why it may not: -- bgdeploy: allow RULE because REASON"
            )
        }
        if verdicts.contains(where: \.needsForwardFix) {
            printer.line(
                style("A rollback will need a forward fix", .yellow)
                    + ": what is allowed here breaks the stable version"
            )
        }
    }

    private func show(_ statement: LintedStatement) {
        let verdict = statement.verdict
        let place = style(Style.harmless("\(statement.file):\(statement.line)"), .bold)
        let first = statement.text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        printer.line("\(place): \(told(verdict.compatibility)), \(told(verdict))")
        printer.line("    " + style(Style.harmless(first), .faint))
        for finding in verdict.findings {
            let allowed = finding.allowed.map { " (allowed because \($0))" } ?? ""
            printer.line(Style.harmless("    \(finding.rule.rawValue): \(finding.why)\(allowed)"))
        }
        for rule in LintJSON.rules(of: verdict) where verdict.matters(rule) {
            printer.line("    instead: \(rule.instead)")
        }
    }

    private func told(_ compatibility: Compatibility) -> String {
        let tint: Style.Tint =
            switch compatibility {
            case .compatible: .green
            case .prepared, .unknown, .depends: .yellow
            case .breaks: .red
            }
        return style(Self.word(compatibility), tint)
    }

    private static func word(_ compatibility: Compatibility) -> String {
        compatibility == .prepared ? "prepared statements" : compatibility.rawValue
    }

    private func told(_ verdict: Verdict) -> String {
        let worst = verdict.locks.filter { $0.hazard == verdict.hazard && $0.hazard > .none }
        let names = worst.map { lock in
            lock.level.rawValue + (lock.table.map { " on \($0)" } ?? "")
        }
        var unique: [String] = []
        for name in names where !unique.contains(name) { unique.append(name) }
        let list = unique.isEmpty ? "" : " (\(unique.joined(separator: ", ")))"
        let word =
            switch verdict.hazard {
            case .none: "nobody waits"
            case .brief: "brief lock"
            case .long: "long lock"
            case .rewrite: "table rewrite"
            }
        return style(word, verdict.hazard >= .long ? .yellow : .green) + list
    }

    // MARK: GitHub

    private func annotate(_ statement: LintedStatement) {
        for finding in statement.verdict.findings where finding.allowed == nil {
            let level: String
            switch finding.compatibility {
            case .breaks: level = "error"
            case .depends, .unknown: level = "warning"
            case .compatible, .prepared:
                guard finding.hazard >= .long else { continue }
                level = "warning"
            }
            let text = "\(finding.why). Instead: \(finding.rule.instead)"
            annotate(level, statement.file, statement.line, finding.rule.rawValue, text)
        }
    }

    private func annotate(_ level: String, _ file: String, _ line: Int, _ title: String, _ text: String) {
        // In a property a colon and a comma are its end.
        let path = GitHubReporter.escaped(Style.harmless(file)).replacing(":", with: "%3A")
            .replacing(",", with: "%2C")
        let message = GitHubReporter.escaped(Style.harmless(text))
        printer.line("::\(level) file=\(path),line=\(line),title=\(title)::\(message)")
    }
}

extension Verdict {
    /// Whether `rule` says more than what anybody may read past.
    fileprivate func matters(_ rule: Rule) -> Bool {
        findings.contains {
            $0.rule == rule && $0.allowed == nil && ($0.compatibility > .compatible || $0.hazard >= .long)
        }
    }
}
