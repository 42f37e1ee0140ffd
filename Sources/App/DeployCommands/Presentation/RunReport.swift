import DeployCore
import DeployPorts

/// One run told after the fact.
struct RunReport {
    let run: RecordedRun
    let timeline: [ToldLine]
    let shares: [(at: Timestamp, exposure: Exposure)]

    init(_ run: RecordedRun) {
        self.run = run
        var lines: [ToldLine] = []
        var shares: [(at: Timestamp, exposure: Exposure)] = []
        var state: RunState?
        for entry in run.entries {
            let isFirst = state == nil
            if case .started(let plan) = entry.event.kind, isFirst { state = RunState(plan: plan) }
            guard let before = state else { continue }
            let after = Reducer.step(before, entry.event).state
            lines += Telling.lines(of: entry, before: isFirst ? nil : before, after: after)
            if after.confirmed != before.confirmed {
                shares.append((entry.event.at, after.confirmed))
            }
            state = after
        }
        timeline = lines
        self.shares = shares
    }

    private var plan: Plan { run.state.plan }

    var outcome: String {
        switch run.state.stage {
        case .released: "\(plan.version) is live on \(plan.candidate)."
        case .ended(.failed): "It failed before any traffic moved; users stayed on \(plan.stable)."
        case .ended(.rolledBack): "It was rolled back; users are on \(plan.stable)."
        case .ended(.rollbackFailed):
            "The rollback did not complete: a person is needed. Last confirmed: \(run.state.split)."
        case .idle, .forward, .returning: "It has not ended: \(run.state.condition.rawValue)."
        }
    }

    /// How long the candidate had traffic; `nil` when it never had.
    var exposure: Span? {
        guard let first = shares.first(where: { !$0.exposure.isNone }) else { return nil }
        let end = shares.last { $0.exposure.isNone && $0.at >= first.at }?.at ?? run.updatedAt
        return end.since(first.at)
    }

    /// `75 % of the traffic at most, for 12s`.
    var impact: String {
        guard let exposure, let most = shares.map(\.exposure.share).max() else {
            return "No user reached the candidate."
        }
        let chosen = shares.contains { $0.exposure.hasChosenUsers } ? " and chosen users" : ""
        return "\(plan.candidate) had up to \(most) % of the traffic\(chosen), for \(Self.rounded(exposure))."
    }

    /// To the second, unless it is shorter than ten.
    static func rounded(_ span: Span) -> Span {
        span.milliseconds < 10_000 ? span : .seconds(span.milliseconds / 1000)
    }

    private var facts: [(String, String)] {
        [
            ("Run", run.record.id.rawValue), ("Service", plan.service),
            ("Version", "\(plan.version)" + (plan.previousVersion.map { " (before: \($0))" } ?? "")),
            ("From, to", "\(plan.stable) → \(plan.candidate)"), ("Started", Clock.iso(run.record.startedAt)),
            ("Last event", Clock.iso(run.updatedAt)),
            ("Took", "\(Self.rounded(run.updatedAt.since(run.record.startedAt)))"),
        ]
    }

    var markdown: String {
        var lines = ["# \(plan.service) \(plan.version): \(run.state.condition.rawValue)", "", outcome, ""]
        lines += ["| | |", "|---|---|"] + facts.map { "| \($0) | \(Self.cell($1)) |" }
        if let reason = run.state.reason {
            // Indented code has no fence that the text could close.
            let text = Style.harmless(reason).split(separator: "\n", omittingEmptySubsequences: false)
            lines += ["", "## Cause", ""] + text.map { "    \($0)" }
        }
        lines += ["", "## Impact", "", impact, ""]
        if !shares.isEmpty {
            lines += ["| time | \(plan.candidate)'s share |", "|---|---|"]
            lines += shares.map { "| \(Clock.time($0.at)) | \($0.exposure) |" } + [""]
        }
        lines += ["## Timeline", ""]
        for line in timeline {
            let phase = line.phase.map { " **\($0)**" } ?? ""
            lines.append("- \(Clock.time(line.at))\(phase) \(Self.cell(line.text))")
        }
        return lines.joined(separator: "\n")
    }

    private static func cell(_ text: String) -> String {
        Style.harmless(text).replacing("|", with: "\\|").replacing("\n", with: " ")
            .replacing("<", with: "&lt;")
    }

    var html: String {
        func text(_ raw: String) -> String {
            Style.harmless(raw).replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
                ">",
                with: "&gt;"
            )
        }
        let rows = facts.map { "<tr><th>\(text($0))</th><td>\(text($1))</td></tr>" }.joined()
        let moves = shares.map { "<tr><td>\(Clock.time($0.at))</td><td>\($0.exposure)</td></tr>" }.joined()
        let events = timeline.map { line in
            "<li class=\"\(line.mark)\"><time>\(Clock.time(line.at))</time> "
                + "<b>\(line.phase.map { "\($0)" } ?? "")</b> <span>\(text(line.text))</span></li>"
        }
        let cause = run.state.reason.map { "<h2>Cause</h2><pre>\(text($0))</pre>" } ?? ""
        return """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><title>\(text("\(plan.service) \(plan.version)"))</title>
            <style>\(Self.css)</style>
            <h1>\(text("\(plan.service) \(plan.version)")): \(run.state.condition.rawValue)</h1>
            <p>\(text(outcome))</p><table>\(rows)</table>\(cause)
            <h2>Impact</h2><p>\(text(impact))</p><table>\(moves)</table>
            <h2>Timeline</h2><ol>\(events.joined(separator: "\n"))</ol>
            </html>
            """
    }

    private static let css = """
        body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
        th{text-align:left;padding-right:2rem;font-weight:600}ol{list-style:none;padding:0}
        li{padding:.15rem 0;border-left:3px solid #d5dbe3;padding-left:.8rem;white-space:pre-wrap}
        li b{display:inline-block;min-width:6rem;font-weight:600}time{color:#68778c}
        li.succeeds{border-color:#2e8b57}li.fails{border-color:#c0392b}li.warns{border-color:#d39e00}
        pre{background:#f4f6f8;padding:1rem;overflow:auto}
        """

    var json: JSON {
        .object([
            ("run", .text(run.record.id.rawValue)), ("service", .text(plan.service)),
            ("version", .text(plan.version.rawValue)), ("state", .text(run.state.condition.rawValue)),
            ("stable", .text(plan.stable.rawValue)), ("candidate", .text(plan.candidate.rawValue)),
            ("outcome", .text(outcome)), ("cause", run.state.reason.map { .text($0) } ?? .null),
            ("impact", .text(impact)), ("exposureSeconds", exposure.map { .decimal($0.seconds) } ?? .null),
            ("startedAt", .text(Clock.iso(run.record.startedAt))),
            ("updatedAt", .text(Clock.iso(run.updatedAt))),
            (
                "shares",
                .list(
                    shares.map {
                        .object([
                            ("at", .text(Clock.iso($0.at))), ("candidate", .decimal($0.exposure.share.value)),
                        ])
                    }
                )
            ),
            (
                "timeline",
                .list(
                    timeline.map { line in
                        .object([
                            ("at", .text(Clock.iso(line.at))),
                            ("phase", line.phase.map { .text($0.rawValue) } ?? .null),
                            ("text", .text(line.text)),
                        ])
                    }
                )
            ),
        ])
    }
}
