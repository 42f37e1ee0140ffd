import DeployCore
import DeployOperations

/// The phases of a run below each other, each with what is done in it.
struct PhaseList {
    let run: RunID
    let stages: [RunTimeline.Stage]
    let logs: [StepID: Dashboard.StepLog]
    let now: Timestamp

    var markup: Markup {
        tag("ol", .style("phases")) { stages.map(stage) }
    }

    private func stage(_ stage: RunTimeline.Stage) -> Markup {
        let isOpen = stage.mark == .current || stage.mark == .failed
        return tag("li", .style("\(stage.mark)"), isOpen ? .other("aria-current", "step") : nil) {
            tag("details", .id("phase-\(stage.name)"), .flag("open", if: isOpen)) {
                tag("summary") {
                    icon(stage.mark).markup
                    tag("b") { "\(stage.name.words)" }
                    tag("span", .style("unseen")) { " \(words(stage.mark))" }
                    tag("span", .style("outlook")) { "\(stage.outlook.replacing(" %", with: "\u{A0}%"))" }
                    if stage.name != .afterwards {
                        tag("span", .style("took")) { took(stage.mark, stage.since, stage.ended) }
                    }
                }
                tag("ol", .style("items")) { stage.items.map(item) }
            }
        }
    }

    private func item(_ item: RunTimeline.Item) -> Markup {
        tag("li", .style("\(item.mark)")) {
            icon(item.mark).markup
            tag("div") {
                tag("p", .style("line")) {
                    tag("span") { "\(item.title)" }
                    tag("span", .style("unseen")) { " \(words(item.mark))" }
                    tag("span", .style("took")) {
                        if let due = item.due {
                            "due "
                            Moment.clock(due, now: now)
                        } else {
                            took(item.mark, item.since, item.ended)
                        }
                    }
                }
                if let detail = item.detail { tag("p", .style("detail pre")) { "\(detail)" } }
                if let step = item.step, let log = logs[step] { self.log(log, of: step, item.mark) }
            }
        }
    }

    private func log(_ log: Dashboard.StepLog, of step: StepID, _ mark: RunTimeline.Mark) -> Markup {
        tag("details", .id("log-\(step)"), .style("log"), .flag("open", if: mark == .failed)) {
            tag("summary") { log.isCut ? "The end of its output" : "Its output" }
            tag("pre", .other("tabindex", "0"), .role("group"), .label("Output of \(step)")) { "\(log.end)" }
            if log.isCut { tag("a", .href(.log(run, step))) { "All of it" } }
        }
    }

    private func took(_ mark: RunTimeline.Mark, _ since: Timestamp?, _ ended: Timestamp?) -> Markup {
        guard let since else { return .nothing }
        if mark == .current { return Moment.running(since: since, now: now) }
        guard let ended else { return .nothing }
        let span = ended.since(since)
        return span.milliseconds < 1000 ? "\(span.milliseconds) ms" : "\(Moment.words(span))"
    }

    private func icon(_ mark: RunTimeline.Mark) -> Icon {
        switch mark {
        case .toCome: .ring
        case .current: .dot
        case .done: .check
        case .failed: .cross
        case .skipped: .skip
        }
    }

    private func words(_ mark: RunTimeline.Mark) -> String {
        switch mark {
        case .toCome: "to come"
        case .current: "now"
        case .done: "done"
        case .failed: "failed"
        case .skipped: "not done"
        }
    }
}

extension PhaseName {
    var words: String { rawValue.replacing("_", with: " ") }
}
