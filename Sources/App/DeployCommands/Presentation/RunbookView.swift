import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Playbooks
import Synchronization

/// Shows a look: each check as it ends, then what it comes to and what may be done.
final class RunbookView: RunObserver {
    private static let indent = "    "

    private let service: Service
    private let workplace: Workplace
    /// What a person types for an action.
    private let commandLine: @Sendable (String?) -> String
    private let seen = Mutex(Seen())

    private struct Seen {
        var fold = RunbookFold()
        var state: RunState?
        var told: Set<StepID> = []
    }

    init(_ service: Service, _ workplace: Workplace, commandLine: @escaping @Sendable (String?) -> String) {
        self.service = service
        self.workplace = workplace
        self.commandLine = commandLine
    }

    private var runbook: Runbook? { service.playbook.runbook }
    private var printer: Printer { workplace.printer }
    private var style: Style { workplace.style }
    private var isJSON: Bool { workplace.options.output == .json }

    func begin() {
        guard !isJSON, let runbook else { return }
        printer.line(style("\(runbook.service): \(Style.harmless(runbook.title))", .bold))
    }

    // MARK: while it looks

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        let news = seen.withLock { seen -> [RunbookFold.Finding] in
            if let before { seen.fold.take(entry.event, before: before) }
            seen.state = after
            guard let part = after.plan.runbook else { return [] }
            let ended = seen.fold.findings(of: part).filter { $0.outcome != .unknown }
            return ended.filter { seen.told.insert($0.check.step).inserted }
        }
        guard !isJSON else { return }
        for finding in news { show(finding) }
    }

    func output(_ line: String, of step: StepID) {}
    func watched(_ figures: TrafficFigures) {}
    func draining(connections: Int) {}

    private func show(_ finding: RunbookFold.Finding) {
        let check = finding.check
        switch finding.outcome {
        case .unknown: return
        case .fine(let summary):
            let text = Style.harmless(check.title + (summary.map { ": \($0)" } ?? ""))
            printer.line("\(style("✓", .green)) \(text)")
        case .failed(let reason):
            let grade = finding.severity.map { style("\($0)", .red) + " " } ?? ""
            printer.line("\(style("✗", .red)) \(grade)\(style(Style.harmless(check.title), .bold))")
            let rest =
                reason.hasPrefix("\(check.title): ") ? reason.dropFirst(check.title.count + 2) : reason[...]
            block(String(rest))
            for line in check.advice { block(line) }
            annotate(finding, reason)
        }
        if let shown = finding.shown { block(shown, mark: style("│ ", .faint)) }
    }

    private func block(_ text: String, mark: String = "") {
        for line in Style.harmless(text).split(separator: "\n", omittingEmptySubsequences: false) {
            printer.line(Self.indent + mark + line)
        }
    }

    private func annotate(_ finding: RunbookFold.Finding, _ reason: String) {
        guard workplace.options.output == .github else { return }
        let grade = finding.severity.map { "\($0) " } ?? ""
        let text = GitHubReporter.escaped(Style.harmless(reason))
        printer.line("::error title=\(GitHubReporter.escaped(grade + finding.check.title))::\(text)")
    }

    // MARK: what it comes to

    /// `unkept` is why no journal has the look.
    func end(_ run: RunID, unkept: String?) {
        let seen = seen.withLock { $0 }
        guard let state = seen.state, let part = state.plan.runbook, let runbook else { return }
        let findings = seen.fold.findings(of: part)
        let incident = seen.fold.incident(after: state, of: run)
        guard !isJSON else {
            return printer.line(JSON.text(document(run, state, findings, incident, unkept), indent: 1))
        }
        let failed = findings.filter(\.hasFailed)
        printer.line("")
        printer.line(headline(failed, of: findings.count, state, incident, was: part.incident))
        if let unkept { printer.line(style("Not kept: \(Style.harmless(unkept))", .yellow)) }
        guard !failed.isEmpty else { return }
        showActions(runbook, suggested: failed.flatMap(\.check.suggests))
        if !runbook.manual.isEmpty { printer.line("\nBy hand") }
        for (index, line) in runbook.manual.enumerated() {
            printer.line("  \(index + 1). \(Style.harmless(line))")
        }
    }

    private func headline(
        _ failed: [RunbookFold.Finding],
        of count: Int,
        _ state: RunState,
        _ incident: Incident?,
        was known: Incident?
    ) -> String {
        guard case .released = state.stage else {
            return style("the look was stopped before its end", .yellow)
        }
        let severity = failed.compactMap(\.severity).min().map { "\($0): " } ?? ""
        guard failed.isEmpty else {
            let since = incident.map { Clock.date($0.since) } ?? ""
            let open = known == nil ? "" : "; the incident is open since \(since)"
            return style("\(severity)\(failed.count) of \(count) checks failed", .red) + open
        }
        let gone = known.map { "; the incident since \(Clock.date($0.since)) is over" } ?? ""
        return style(count == 1 ? "the check is fine" : "all \(count) checks are fine", .green) + gone
    }

    private func showActions(_ runbook: Runbook, suggested: [String]) {
        let order = Self.ordered(runbook.actions, suggested: suggested)
        guard !order.isEmpty else { return }
        printer.line("\nWhat may be done")
        for action in order {
            let mark = suggested.contains(action.name) ? style("→", .yellow) : " "
            printer.line("  \(mark) \(Style.harmless(action.title))")
            printer.line("      \(style(commandLine(action.name), .blue))")
        }
    }

    /// Those first that a failed check suggests.
    private static func ordered(_ actions: [Runbook.Action], suggested: [String]) -> [Runbook.Action] {
        actions.filter { suggested.contains($0.name) } + actions.filter { !suggested.contains($0.name) }
    }

    // MARK: JSON

    private func document(
        _ run: RunID,
        _ state: RunState,
        _ findings: [RunbookFold.Finding],
        _ incident: Incident?,
        _ unkept: String?
    ) -> JSON {
        let failed = findings.filter(\.hasFailed)
        let suggested = failed.flatMap(\.check.suggests)
        let actions = Self.ordered(runbook?.actions ?? [], suggested: suggested)
        return .object([
            ("runbook", .text(runbook?.name ?? "")), ("service", .text(runbook?.service ?? "")),
            ("title", .text(runbook?.title ?? "")), ("run", .text(run.rawValue)),
            ("kept", .flag(unkept == nil)), ("unkeptBecause", unkept.map { .text($0) } ?? .null),
            ("finished", .flag(state.condition == .succeeded)), ("fine", .flag(failed.isEmpty)),
            ("severity", failed.compactMap(\.severity).min().map { .text($0.rawValue) } ?? .null),
            ("checks", .list(findings.map(\.json))), ("incident", incident.map(\.json) ?? .null),
            (
                "actions",
                .list(
                    actions.map { action in
                        .object([
                            ("name", .text(action.name)), ("title", .text(action.title)),
                            ("suggested", .flag(suggested.contains(action.name))),
                            ("command", .text(commandLine(action.name))),
                        ])
                    }
                )
            ),
            ("manual", .list((runbook?.manual ?? []).map { .text($0) })),
        ])
    }
}
