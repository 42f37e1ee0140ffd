import DeployOperations
import DatabaseDiagnosis

/// Prints what is wrong with a database, the worst first.
struct DiagnosisView {
    private static let indent = "      "

    let diagnosis: Diagnosis
    let printer: Printer
    let style: Style
    /// Whether the listings are shown, too.
    let isComplete: Bool

    func show(as format: OutputFormat) {
        switch format {
        case .json: printer.line(JSON.text(document, indent: 1))
        case .text: showText()
        case .github:
            showText()
            for finding in diagnosis.findings where finding.severity > .ok { annotate(finding) }
        }
    }

    // MARK: text

    private func showText() {
        line(style(headline, .bold))
        for finding in diagnosis.findings where finding.severity > .ok {
            printer.line("")
            show(finding)
        }
        printer.line("")
        for finding in diagnosis.findings where finding.severity == .ok {
            line("\(style("ok", .green))    \(Style.harmless(finding.seen))")
        }
        for unseen in diagnosis.unseen {
            line(style("–     not seen: \(unseen.topic.rawValue): \(Style.harmless(unseen.reason))", .faint))
        }
        let listings = diagnosis.listings.filter { !$0.rows.isEmpty }
        if isComplete {
            listings.forEach(show)
        } else if !listings.isEmpty {
            line(style("-v shows: \(listings.map { $0.title.lowercased() }.joined(separator: ", "))", .faint))
        }
    }

    private var headline: String {
        let server = diagnosis.server
        let bad = diagnosis.findings.count { $0.severity == .bad }
        let warnings = diagnosis.findings.count { $0.severity == .warn }
        let counts =
            bad + warnings == 0
            ? "nothing wrong" : "\(bad) bad, \(warnings) \(warnings == 1 ? "warning" : "warnings")"
        let part = server.isReplica ? "replica" : "primary"
        let place = Style.harmless(diagnosis.place)
        return "\(place)  PostgreSQL \(Style.harmless(server.version)), \(part): \(counts)"
    }

    private func show(_ finding: DatabaseDiagnosis.Finding) {
        let word = finding.severity == .bad ? style("BAD", .red) + "   " : style("warn", .yellow) + "  "
        line(word + style(Style.harmless(finding.seen), .bold))
        for detail in finding.details { line(Self.indent + Style.harmless(detail)) }
        if !finding.why.isEmpty { line("\(Self.indent)why  \(finding.why)") }
        for (index, remedy) in finding.remedies.enumerated() {
            line("\(Self.indent)\(index == 0 ? "do " : "   ")  \(Style.harmless(remedy.text))")
            if let sql = remedy.sql {
                line("\(Self.indent)       \(style(Style.harmless(sql) + ";", .blue))")
            }
        }
    }

    private func show(_ listing: Listing) {
        printer.line("")
        line(style(listing.title, .bold))
        let rows = [listing.columns] + listing.rows.map { $0.map { Style.harmless($0.words) } }
        let widths = listing.columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for (index, row) in rows.enumerated() {
            let cells = row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                let isNumber = listing.rows.first.map { $0[column].isNumber } ?? false
                return isNumber ? space + text : column == row.count - 1 ? text : text + space
            }
            let text = cells.joined(separator: "  ")
            line(index == 0 ? style(text, .faint) : text)
        }
    }

    private func line(_ text: String) { printer.line(text) }

    // MARK: JSON

    private var document: JSON {
        .object([
            ("database", .text(diagnosis.place)),
            ("version", .text(diagnosis.server.version)),
            ("replica", .flag(diagnosis.server.isReplica)),
            ("upSeconds", .decimal(diagnosis.server.upSeconds)),
            ("severity", .text(diagnosis.severity.rawValue)),
            ("findings", .list(diagnosis.findings.map(Self.json))),
            ("listings", .list(diagnosis.listings.map(Self.json))),
            (
                "notSeen",
                .list(
                    diagnosis.unseen.map {
                        .object([("topic", .text($0.topic.rawValue)), ("reason", .text($0.reason))])
                    }
                )
            ),
        ])
    }

    private static func json(_ finding: DatabaseDiagnosis.Finding) -> JSON {
        .object([
            ("severity", .text(finding.severity.rawValue)),
            ("topic", .text(finding.topic.rawValue)),
            ("seen", .text(finding.seen)),
            ("details", .list(finding.details.map { .text($0) })),
            ("why", .text(finding.why)),
            (
                "remedies",
                .list(
                    finding.remedies.map {
                        .object([("text", .text($0.text)), ("sql", $0.sql.map { .text($0) } ?? .null)])
                    }
                )
            ),
        ])
    }

    private static func json(_ listing: Listing) -> JSON {
        .object([
            ("topic", .text(listing.topic.rawValue)),
            ("title", .text(listing.title)),
            (
                "rows",
                .list(
                    listing.rows.map { row in .object(zip(listing.columns, row.map(\.json)).map { ($0, $1) })
                    }
                )
            ),
        ])
    }

    // MARK: GitHub

    private func annotate(_ finding: DatabaseDiagnosis.Finding) {
        let level = finding.severity == .bad ? "error" : "warning"
        let text = GitHubReporter.escaped(Style.harmless("\(finding.seen). \(finding.why)"))
        printer.line("::\(level) title=database \(finding.topic.rawValue)::\(text)")
    }
}

extension Figure {
    fileprivate var isNumber: Bool {
        if case .text = self { false } else { true }
    }

    /// Seconds and bytes are plain numbers, shares from 0 through 1.
    fileprivate var json: JSON {
        switch self {
        case .text(let text): .text(text)
        case .count(let number), .pid(let number), .bytes(let number): .number(number)
        case .seconds(let number), .share(let number): .decimal(number)
        case .none: .null
        }
    }
}
