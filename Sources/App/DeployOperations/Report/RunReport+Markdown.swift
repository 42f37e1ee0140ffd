import DeployCore
import DeployPorts

/// For a pull request or a chat.
extension RunReport {
    package var markdown: String {
        var lines = ["# \(Self.cell(title))", "", outcome, ""]
        if let summary { lines += Self.lines(of: summary) }
        lines += Self.table([], facts.map { [$0.0, $0.1] })
        if incident == nil, let reason = run.state.reason {
            lines += ["## Cause", ""] + Self.quoted(reason) + [""]
        }
        if incident != nil { lines += story }
        lines += plan.runbook == nil ? impactLines : foundLines
        if let findings { lines += evidence(findings) }
        if incident == nil { lines += story }
        lines += closing.flatMap(Self.lines)
        for load in loads {
            lines += ["## Load of \(Self.cell(load.step))", ""] + Self.quoted(load.text) + [""]
        }
        return lines.dropLast().joined(separator: "\n")
    }

    private var foundLines: [String] {
        ["## Found", ""]
            + found.flatMap { ["### \($0.mark) \(Self.cell($0.title))", ""] + Self.quoted($0.text) + [""] }
    }

    package static func cell(_ text: String) -> String {
        Style.harmless(text).replacing("|", with: "\\|").replacing("\n", with: " ")
            .replacing("<", with: "&lt;")
    }

    /// Indented code has no fence that the text could close.
    private static func quoted(_ text: String) -> [String] {
        Style.harmless(text).split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> [String] {
        guard let width = rows.first?.count else { return [] }
        func line(_ cells: [String]) -> String { "| " + cells.map(cell).joined(separator: " | ") + " |" }
        let top = head.isEmpty ? "|" + String(repeating: " |", count: width) : line(head)
        return [top, "|" + String(repeating: "---|", count: width)] + rows.map(line) + [""]
    }

    private static func lines(of section: ReportSection) -> [String] {
        ["## \(section.title)", ""] + section.parts.flatMap(lines)
    }

    private static func lines(of part: ReportSection.Part) -> [String] {
        switch part {
        case .text(let text): [cell(text), ""]
        case .quote(let text): quoted(text) + [""]
        case .list(let items): items.map { "- \(cell($0))" } + [""]
        case .tasks(let tasks): tasks.map { "- [\($0.isDone ? "x" : " ")] \(cell($0.text))" } + [""]
        case .table(let head, let rows): table(head, rows)
        case .missing(let what, let command): ["*\(what): nobody has told. Type:* `\(command)`", ""]
        }
    }

    private var impactLines: [String] {
        var lines = ["## Impact", "", impact, ""] + (harm.map { [Self.cell($0), ""] } ?? [])
        if incident != nil, let figures { lines += Self.lines(of: figures) }
        lines += toldImpact.map(Self.lines) ?? []
        return lines + Self.table(["time", "\(plan.candidate)'s share"], shares.map(Self.share))
    }

    private static func share(_ share: (at: Timestamp, exposure: Exposure)) -> [String] {
        [Clock.time(share.at), "\(share.exposure)"]
    }

    private var story: [String] {
        ["## Timeline", ""]
            + storyline.map { line in
                let phase = line.phase.map { " **\($0)**" } ?? ""
                return "- \(Clock.time(line.at))\(phase) \(Self.cell(line.text.replacing("\n", with: "; ")))"
            } + [""]
    }

    private func evidence(_ findings: RunFindings) -> [String] {
        let chart = TextChart(
            series: series(findings, limit: TextChart.points),
            stable: plan.stable,
            candidate: plan.candidate,
            began: findings.traffic.began
        )
        var lines = ["## Evidence", "", "```"] + chart.lines + ["```", ""]
        lines += Self.table(
            ["against \(plan.candidate)", "seen", "evidence", "how sure", "when"],
            findings.rows.map { row in
                let name = row.isEnough ? "**\(row.metric)**" : row.metric
                return ["\(name): \(row.meaning)", row.seen, row.evidence, row.sure, row.when]
            }
        )
        lines += Self.table(
            ["for \(plan.candidate)", "errors", "latency", "enough"],
            findings.certificates.map { certificate($0, findings) }
        )
        return lines + remarks(findings).flatMap { [Self.cell($0), ""] }
    }
}
