import DeployCore
import DeployPorts
import TrafficJudgement

/// One part of a report, as every format shows it.
package struct ReportSection {
    package enum Part {
        case text(String)
        /// Text of others, which may have many lines.
        case quote(String)
        case list([String])
        /// What is to be done, and what of it is done.
        case tasks([(text: String, isDone: Bool)])
        /// The first of each row is its head.
        case table(head: [String], rows: [[String]])
        /// What nobody has told yet, and what to type.
        case missing(String, command: String)
    }

    package let title: String
    package let parts: [Part]
}

extension RunReport {
    /// The head of an incident's report.
    package var summary: ReportSection? {
        guard let incident else { return nil }
        var rows = [
            ["Date", Clock.date(incident.began)], ["Duration", duration(incident)],
            ["Severity", severityText(incident)], ["Impact", harmWords ?? impact],
            ["Root cause", notes.texts(.cause).last?.remark.text ?? "not told yet"],
        ]
        if let wayBackText { rows.append(["Way back", wayBackText]) }
        return ReportSection(title: "Summary", parts: [.table(head: [], rows: rows)])
    }

    private func duration(_ incident: IncidentAccount) -> String {
        guard let length = incident.length else { return "it goes on since \(Clock.time(incident.began))" }
        guard length > .zero else { return "not known: nothing that was counted shows when it began" }
        let end = incident.ended.map { Clock.time($0, seenAt: incident.began) } ?? ""
        return "\(Self.rounded(length)): from \(Clock.time(incident.began)) to \(end)"
    }

    private func severityText(_ incident: IncidentAccount) -> String {
        guard let severity = incident.severity else {
            return severities.isEmpty
                ? "not told; the playbook has no `severity`"
                : "less than what the playbook's `severity` names"
        }
        let teller = notes.texts(.severity).last?.by
        return severity + (teller.map { ", told by \($0)" } ?? "")
    }

    /// What was measured at both environments, where something was.
    package var figures: ReportSection.Part? {
        guard let findings else { return nil }
        let all = findings.impact
        func row(_ name: String, _ requests: Int, _ failed: Int, _ p95: Double?) -> [String] {
            let rate = requests > 0 ? Figure.percent(Double(failed) / Double(requests)) : "no requests"
            return [
                name, Figure.count(requests), Figure.count(failed), rate,
                p95.map(Figure.duration) ?? "not known",
            ]
        }
        return .table(
            head: ["", "Requests", "Failed", "Error rate", "p95 at last"],
            rows: [
                row("\(plan.candidate)", all.requests, all.failed, lastLatency("candidate")),
                row("\(plan.stable)", all.stableRequests, all.stableFailed, lastLatency("stable")),
            ]
        )
    }

    /// Of the last seconds before the way back.
    private func lastLatency(_ side: String) -> Double? {
        lastTraffic?.facts["\(side).latency_p95_ms"].flatMap(Double.init)
    }

    /// What people said it meant.
    package var toldImpact: ReportSection.Part? {
        let told = notes.texts(.impact).map { "\($0.remark.text) (\($0.by))" }
        if !told.isEmpty { return .list(told) }
        guard incident != nil else { return nil }
        return .missing("What it meant for users, revenue and data", command: note("--impact TEXT"))
    }

    /// What comes after timeline and evidence.
    package var closing: [ReportSection] {
        guard let incident else { return [] }
        return [rootCause, resolution, lessons, actionItems, deadlines(incident)]
    }

    private var rootCause: ReportSection {
        var parts: [ReportSection.Part] = []
        if let told = notes.texts(.cause).last {
            parts.append(.text("\(told.remark.text) (\(told.by))"))
        } else {
            parts.append(.missing("The root cause", command: note("--cause TEXT")))
        }
        if let reason = run.state.reason { parts += [.text("What ended the run:"), .quote(reason)] }
        return ReportSection(title: "Root cause", parts: parts)
    }

    private var resolution: ReportSection {
        var lines: [String] = []
        if let wayBack {
            let who = wayBack.by.map { "\($0)" } ?? "The run"
            lines.append(
                "\(who) decided at \(Clock.time(wayBack.decidedAt)) to put users back to \(plan.stable)."
            )
            if let end = wayBack.confirmedAt {
                lines.append(
                    "Every balancer confirmed at \(Clock.time(end)) that \(plan.stable) has all traffic."
                )
            } else {
                lines.append("The balancers have not confirmed it; last confirmed: \(run.state.split).")
            }
        }
        lines += notes.texts(.resolution).map { "\($0.remark.text) (\($0.by))" }
        let missing = ReportSection.Part.missing(
            "What was done beside that",
            command: note("--resolution TEXT")
        )
        let isTold = !notes.texts(.resolution).isEmpty
        return ReportSection(title: "Resolution", parts: [.list(lines)] + (isTold ? [] : [missing]))
    }

    private var actionItems: ReportSection {
        let tasks = notes.actions.map { action in
            (
                text: "\(action.number). \(action.entry.remark.text)\(action.entry.remark.terms)",
                isDone: action.isDone
            )
        }
        let missing = ReportSection.Part.missing(
            "What is to be done so that it does not come again",
            command: note("--action TEXT --owner NAME --due DATE")
        )
        return ReportSection(title: "Action items", parts: tasks.isEmpty ? [missing] : [.tasks(tasks)])
    }

    private func deadlines(_ incident: IncidentAccount) -> ReportSection {
        let postMortem =
            if let day = incident.postMortemDue {
                "Post-mortem: until \(day), a \(Self.name(of: day.weekday)) "
                    + "(\(IncidentAccount.businessDays) business days)."
            } else if incident.severity == nil {
                "Post-mortem: not due without a severity. Say one that is not named by the figures: "
                    + "\(note("--severity P1"))"
            } else {
                "Post-mortem: not due after \(incident.severity ?? "this")."
            }
        return ReportSection(
            title: "Due",
            parts: [.list(["This report: until \(Clock.date(incident.reportDue)).", postMortem])]
        )
    }

    private var lessons: ReportSection {
        let told = notes.texts(.lesson).map { "\($0.remark.text) (\($0.by))" }
        let missing = ReportSection.Part.missing("What was learnt", command: note("--lesson TEXT"))
        return ReportSection(title: "Lessons learned", parts: [told.isEmpty ? missing : .list(told)])
    }

    private static func name(of day: Weekday) -> String {
        day.rawValue.prefix(1).uppercased() + day.rawValue.dropFirst()
    }

    private func note(_ options: String) -> String { "bgdeploy note \(run.record.id) \(options)" }
}
