import DeployCore
import DeployPorts

/// One page without script, for a browser, a mail or paper.
extension RunReport {
    /// Text from elsewhere, such that nothing in it is markup.
    package static func escaped(_ raw: String) -> String {
        Style.harmless(raw).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    package var html: String {
        let name = Self.escaped(subject)
        let cause = run.state.reason.map { "<h2>Cause</h2><pre>\(Self.escaped($0))</pre>" } ?? ""
        return """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(name)</title>
            <style>\(Self.css)</style>
            <h1>\(name): \(condition)</h1>
            <p>\(Self.escaped(outcome))</p>\(Self.table(facts.map { [$0.0, $0.1] }))\(cause)
            \(plan.runbook == nil ? "<h2>Impact</h2>\(impactHTML)" : foundHTML)
            \(findings.map(evidenceHTML) ?? "")
            <h2>Timeline</h2><ol>\(storyline.map(Self.item).joined(separator: "\n"))</ol>
            \(loads.map(Self.load).joined())
            </html>
            """
    }

    private var impactHTML: String {
        let words = [impact] + (harm.map { [$0] } ?? [])
        let moves = shares.map { [Clock.time($0.at), "\($0.exposure)"] }
        return words.map { "<p>\(Self.escaped($0))</p>" }.joined() + Self.table(moves)
    }

    private var foundHTML: String {
        "<h2>Found</h2>"
            + found.map { entry in
                "<h3>\(entry.mark) \(Self.escaped(entry.title))</h3><pre>\(Self.escaped(entry.text))</pre>"
            }.joined()
    }

    private func evidenceHTML(_ findings: RunFindings) -> String {
        let chart = chart(findings)
        let rows = findings.rows.map { row in
            ["\(row.metric): \(row.meaning)", row.seen, row.evidence, row.sure, row.when]
        }
        let against = Self.table(
            rows,
            head: ["Against \(plan.candidate)", "Seen", "Evidence", "How sure", "When"]
        )
        let good = Self.table(
            findings.certificates.map { certificate($0, findings) },
            head: ["For \(plan.candidate)", "Errors", "Latency", "Enough"]
        )
        let remarks = remarks(findings).map { "<p>\(Self.escaped($0))</p>" }.joined()
        return "<h2>Evidence</h2><figure>\(chart.svg)</figure>"
            + (rows.isEmpty ? "" : against) + good + remarks
    }

    private static func load(_ load: (step: String, text: String)) -> String {
        "<h2>Load of \(escaped(load.step))</h2><pre>\(escaped(load.text))</pre>"
    }

    private static func table(_ rows: [[String]], head: [String] = []) -> String {
        guard !rows.isEmpty else { return "" }
        func row(_ cells: [String], _ tag: (Int) -> String) -> String {
            let text = cells.enumerated().map { "<\(tag($0))>\(escaped($1))</\(tag($0))>" }.joined()
            return "<tr>\(text)</tr>"
        }
        let top = head.isEmpty ? "" : row(head) { _ in "th" }
        return "<table>\(top)\(rows.map { row($0) { $0 == 0 ? "th" : "td" } }.joined())</table>"
    }

    private static func item(_ line: ToldLine) -> String {
        "<li class=\"\(line.mark)\"><time>\(Clock.time(line.at))</time> "
            + "<b>\(line.phase.map { "\($0)" } ?? "")</b> <span>\(escaped(line.text))</span></li>"
    }

    private static let css = """
        :root{color-scheme:light dark;--text:#1c2430;--faint:#5b6878;--rule:#d5dbe3;--box:#f4f6f8;--page:#fff;
        --blue:#1f6fc4;--green:#15803d;--bad:#c0392b;--warn:#b7791f}
        @media (prefers-color-scheme:dark){:root{--text:#e4e9f0;--faint:#97a3b4;--rule:#38424f;--box:#1c232c;--page:#12171d;
        --blue:#6cb0f5;--green:#5fd38a;--bad:#ff7b6b;--warn:#e0b04a}}
        @media print{:root{color-scheme:light;--text:#000;--faint:#444;--rule:#bbb;--box:#fff;--page:#fff;
        --blue:#1f6fc4;--green:#15803d;--bad:#c0392b;--warn:#b7791f}h2,figure,table,li{break-inside:avoid}}
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);
        background:var(--page)}
        table{border-collapse:collapse;margin:.8rem 0}th,td{text-align:left;vertical-align:top;padding:.2rem 1.5rem .2rem 0}
        th{font-weight:600}tr+tr>*{border-top:1px solid var(--rule)}
        figure{margin:1rem 0}svg{width:100%;height:auto;font:12px system-ui,sans-serif}
        svg line{stroke:var(--rule)}svg line.axis{stroke:var(--faint)}svg path{fill:none;stroke-width:1.6;stroke-linejoin:round}
        svg line.limit{stroke:var(--bad);stroke-dasharray:5 4}svg line.mark{stroke:var(--bad);stroke-dasharray:2 3}
        svg text{fill:var(--faint)}svg text.title{font-weight:600;fill:var(--text)}svg .number{text-anchor:end}
        svg .time{text-anchor:middle}svg text.mark{text-anchor:end}svg text.mark,svg text.limit,svg text.evidence{fill:var(--bad)}
        svg path.blue{stroke:var(--blue)}svg text.blue{fill:var(--blue)}svg path.evidence{stroke:var(--bad)}
        svg path.green{stroke:var(--green)}svg text.green{fill:var(--green)}svg path.wide{stroke-width:2.5}
        ol{list-style:none;padding:0}li{padding:.15rem 0;border-left:3px solid var(--rule);padding-left:.8rem;
        white-space:pre-wrap}li b{display:inline-block;min-width:6rem;font-weight:600}time{color:var(--faint)}
        li.succeeds{border-color:var(--green)}li.fails{border-color:var(--bad)}li.warns{border-color:var(--warn)}
        pre{background:var(--box);padding:1rem;white-space:pre-wrap}
        """
}
