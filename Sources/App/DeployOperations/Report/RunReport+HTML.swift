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
        let cause = incident == nil ? run.state.reason.map { "<h2>Cause</h2>\(Self.pre($0))" } ?? "" : ""
        let story = "<h2>Timeline</h2><ol>\(storyline.map(Self.item).joined(separator: "\n"))</ol>"
        let effect = plan.runbook == nil ? "<h2>Impact</h2>\(impactHTML)" : foundHTML
        let measured = effect + (findings.map(evidenceHTML) ?? "")
        return """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(Self.escaped(title))</title>
            <style>\(Self.css)\(Self.chartCSS)</style>
            <h1>\(Self.escaped(title))</h1>
            <p>\(Self.escaped(outcome))</p>
            \(summary.map(Self.html) ?? "")
            \(Self.table(facts.map { [$0.0, $0.1] }))\(cause)
            \(incident == nil ? measured + story : story + measured)
            \(closing.map(Self.html).joined(separator: "\n"))
            \(loads.map(Self.load).joined())
            </html>
            """
    }

    private static func html(_ section: ReportSection) -> String {
        "<h2>\(escaped(section.title))</h2>" + section.parts.map(html).joined()
    }

    private static func html(_ part: ReportSection.Part) -> String {
        switch part {
        case .text(let text): "<p>\(escaped(text))</p>"
        case .quote(let text): pre(text)
        case .list(let items): "<ul>\(items.map { "<li>\(escaped($0))</li>" }.joined())</ul>"
        case .tasks(let tasks):
            "<ul class=\"tasks\">"
                + tasks.map { "<li>\($0.isDone ? "☑" : "☐") \(escaped($0.text))</li>" }.joined() + "</ul>"
        case .table(let head, let rows): table(rows, head: head)
        case .missing(let what, let command):
            "<p class=\"missing\">\(escaped(what)): nobody has told. Type: <code>\(escaped(command))</code></p>"
        }
    }

    private static func pre(_ text: String) -> String { "<pre>\(escaped(text))</pre>" }

    private var impactHTML: String {
        let words = [impact] + (harm.map { [$0] } ?? [])
        let measured = incident == nil ? "" : figures.map(Self.html) ?? ""
        let moves = shares.map { [Clock.time($0.at), "\($0.exposure)"] }
        return words.map { "<p>\(Self.escaped($0))</p>" }.joined() + measured
            + (toldImpact.map(Self.html) ?? "")
            + Self.table(moves, head: ["Time", "Share of \(plan.candidate)"])
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
        --blue:#1f6fc4;--green:#15803d;--bad:#c0392b;--warn:#b7791f}}
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);
        background:var(--page)}
        h1{font-size:1.7em;line-height:1.25}h2{font-size:1.25em;margin:1.8em 0 .4em}
        table{border-collapse:collapse;margin:.8rem 0}th,td{text-align:left;vertical-align:top;padding:.2rem 1.5rem .2rem 0}
        th{font-weight:600}tr+tr>*{border-top:1px solid var(--rule)}td{overflow-wrap:break-word}
        ol{list-style:none;padding:0}ol li{padding:.15rem 0 .15rem .8rem;border-left:3px solid var(--rule);
        display:grid;grid-template-columns:max-content 6rem 1fr;gap:.6rem}ol b{font-weight:600}time{color:var(--faint)}
        ol span{white-space:pre-wrap;overflow-wrap:anywhere}
        li.succeeds{border-color:var(--green)}li.fails{border-color:var(--bad)}li.warns{border-color:var(--warn)}
        ul{padding-left:1.2rem}ul.tasks{list-style:none;padding:0}.missing{color:var(--faint)}
        pre,code{background:var(--box)}pre{padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}code{padding:.1rem .3rem;display:inline-block;overflow-wrap:anywhere}

        """
    private static let chartCSS = """
        figure{margin:1rem 0}svg{width:100%;height:auto;font:12px system-ui,sans-serif}
        svg line{stroke:var(--rule)}svg line.axis{stroke:var(--faint)}svg path{fill:none;stroke-width:1.6;stroke-linejoin:round}
        svg line.limit{stroke:var(--bad);stroke-dasharray:5 4}svg line.mark{stroke:var(--bad);stroke-dasharray:2 3}
        svg text{fill:var(--faint)}svg text.title{font-weight:600;fill:var(--text)}svg .number{text-anchor:end}
        svg .time{text-anchor:middle}svg text.mark{text-anchor:end}svg text.mark,svg text.limit,svg text.evidence{fill:var(--bad)}
        svg path.blue{stroke:var(--blue)}svg text.blue{fill:var(--blue)}svg path.evidence{stroke:var(--bad)}
        @media print{@page{margin:15mm}body{font-size:11px;max-width:none;margin:0;padding:0}h2{break-after:avoid}
        figure,tr,li{break-inside:avoid}}
        svg path.green{stroke:var(--green)}svg text.green{fill:var(--green)}svg path.wide{stroke-width:2.5}
        """
}
