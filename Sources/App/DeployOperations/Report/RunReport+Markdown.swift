import DeployCore
import DeployPorts

/// For a pull request or a chat.
extension RunReport {
    package var markdown: String {
        var lines = ["# \(Self.cell(subject)): \(condition)", "", outcome, ""]
        lines += ["| | |", "|---|---|"] + facts.map { "| \($0) | \(Self.cell($1)) |" }
        if let reason = run.state.reason {
            // Indented code has no fence that the text could close.
            let text = Style.harmless(reason).split(separator: "\n", omittingEmptySubsequences: false)
            lines += ["", "## Cause", ""] + text.map { "    \($0)" }
        }
        lines += plan.runbook == nil ? impactLines : foundLines
        if !shares.isEmpty {
            lines += ["| time | \(plan.candidate)'s share |", "|---|---|"]
            lines += shares.map { "| \(Clock.time($0.at)) | \($0.exposure) |" } + [""]
        }
        if let findings { lines += evidence(findings) }
        lines += ["## Timeline", ""]
        for line in storyline {
            let phase = line.phase.map { " **\($0)**" } ?? ""
            lines.append("- \(Clock.time(line.at))\(phase) \(Self.cell(line.text))")
        }
        for load in loads {
            let text = Style.harmless(load.text).split(separator: "\n", omittingEmptySubsequences: false)
            lines += ["", "## Load of \(Self.cell(load.step))", ""] + text.map { "    \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    private var impactLines: [String] {
        ["", "## Impact", "", impact] + (harm.map { ["", Self.cell($0)] } ?? []) + [""]
    }

    private var foundLines: [String] {
        ["", "## Found", ""]
            + found.flatMap { entry in
                let text = Style.harmless(entry.text).split(separator: "\n", omittingEmptySubsequences: false)
                return ["### \(entry.mark) \(Self.cell(entry.title))", ""] + text.map { "    \($0)" } + [""]
            }
    }

    package static func cell(_ text: String) -> String {
        Style.harmless(text).replacing("|", with: "\\|").replacing("\n", with: " ")
            .replacing("<", with: "&lt;")
    }

    private func evidence(_ findings: RunFindings) -> [String] {
        let chart = TextChart(
            series: series(findings, limit: TextChart.points),
            stable: plan.stable,
            candidate: plan.candidate,
            began: findings.traffic.began
        )
        var lines = ["## Evidence", "", "```"] + chart.lines + ["```", ""]
        if !findings.rows.isEmpty {
            lines += [
                "| against \(plan.candidate) | seen | evidence | how sure | when |", "|---|---|---|---|---|",
            ]
            lines += findings.rows.map { row in
                let name = row.isEnough ? "**\(row.metric)**" : row.metric
                let cells = ["\(name): \(row.meaning)", row.seen, row.evidence, row.sure, row.when]
                return "| " + cells.map(Self.cell).joined(separator: " | ") + " |"
            }
            lines.append("")
        }
        lines += ["| for \(plan.candidate) | errors | latency | enough |", "|---|---|---|---|"]
        lines += findings.certificates.map { step in
            "| " + certificate(step, findings).map(Self.cell).joined(separator: " | ") + " |"
        }
        return lines + [""] + remarks(findings).flatMap { [Self.cell($0), ""] }
    }
}
