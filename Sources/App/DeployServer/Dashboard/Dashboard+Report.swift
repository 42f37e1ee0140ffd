package import DeployCore
package import DeployOperations
import DeployPorts

extension Dashboard {
    /// A run told after the fact, as ``RunReport/html`` tells it, in our frame.
    package static func report(_ report: RunReport, visitor: Visitor, now: Timestamp) -> String {
        let frame = Page(
            title: "Report: \(report.plan.service) \(report.plan.version)",
            content: content(report, now)
        )
        return text(frame, visitor, now: now)
    }

    @MarkupBuilder private static func content(_ report: RunReport, _ now: Timestamp) -> [Markup] {
        let id = report.run.record.id
        tag("header", .style("title")) {
            crumbs(report.plan.service, "report")
            tag("h1") {
                "\(report.plan.service) \(report.plan.version) "
                StateWord(report.run).pill
            }
            tag("p") { "\(report.outcome)" }
            tag("p", .style("links")) {
                tag("a", .href(.run(id))) { "The run" }
                tag("a", .href(.download(id, format: "markdown"))) { "Markdown" }
                tag("a", .href(.download(id, format: "json"))) { "JSON" }
            }
        }
        if let summary = report.summary { section(summary) }
        if report.incident == nil, let reason = report.run.state.reason { cause(reason) }
        tag("section") {
            tag("h2") { "Impact" }
            tag("p") { "\(report.impact)" }
            if let harm = report.harm { tag("p") { "\(harm)" } }
            if report.incident != nil, let figures = report.figures { part(figures) }
            if let told = report.toldImpact { part(told) }
            tag("dl", .style("facts")) { report.facts.map { name, value in fact(name) { "\(value)" } } }
        }
        if let findings = report.findings { evidence(report, findings) }
        tag("section") {
            tag("h2") { "Timeline" }
            Told.list(report.storyline, now: now)
        }
        report.closing.map(section)
        report.loads.map { load in
            tag("section") {
                tag("h2") { "Load of \(load.step)" }
                tag("pre", .other("tabindex", "0"), .role("group"), .label("Load of \(load.step)")) {
                    "\(load.text)"
                }
            }
        }
    }

    private static func section(_ section: ReportSection) -> Markup {
        tag("section") {
            tag("h2") { "\(section.title)" }
            section.parts.map(part)
        }
    }

    private static func part(_ part: ReportSection.Part) -> Markup {
        switch part {
        case .text(let text): tag("p") { "\(text)" }
        case .quote(let text): tag("pre", .other("tabindex", "0")) { "\(text)" }
        case .list(let items): tag("ul") { items.map { item in tag("li") { "\(item)" } } }
        case .tasks(let tasks):
            tag("ul") { tasks.map { task in tag("li") { "\(task.isDone ? "☑" : "☐") \(task.text)" } } }
        case .table(let head, let rows): table(head, rows)
        case .missing(let what, let command):
            tag("p", .style("faint")) {
                "\(what): nobody has told. Type: "
                tag("code") { "\(command)" }
            }
        }
    }

    private static func evidence(_ report: RunReport, _ findings: RunFindings) -> Markup {
        let (plan, rows) = (report.plan, findings.rows)
        return tag("section") {
            tag("h2") { "Evidence" }
            charts(report, findings)
            if !rows.isEmpty {
                table(
                    ["Against \(plan.candidate)", "Seen", "Evidence", "How sure", "When"],
                    rows.map { ["\($0.metric): \($0.meaning)", $0.seen, $0.evidence, $0.sure, $0.when] }
                )
            }
            table(
                ["For \(plan.candidate)", "Errors", "Latency", "Enough"],
                findings.certificates.map { report.certificate($0, findings) }
            )
            report.remarks(findings).map { remark in tag("p", .style("faint")) { "\(remark)" } }
        }
    }

    /// The first of each row is its head.
    private static func table(_ head: [String], _ rows: [[String]]) -> Markup {
        let label = head.first { !$0.isEmpty } ?? rows.first?.first ?? ""
        return tag("div", .style("scroll"), .other("tabindex", "0"), .role("group"), .label(label)) {
            tag("table") {
                if !head.isEmpty {
                    tag("thead") {
                        tag("tr") { head.map { words in tag("th", .other("scope", "col")) { "\(words)" } } }
                    }
                }
                tag("tbody") {
                    rows.map { row in
                        tag("tr") {
                            row.enumerated().map { index, words in
                                index == 0
                                    ? tag("th", .other("scope", "row")) { "\(words)" }
                                    : tag("td") { "\(words)" }
                            }
                        }
                    }
                }
            }
        }
    }
}
