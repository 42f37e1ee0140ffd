import DeployCore
import DeployPorts
import TrafficJudgement

/// What one run has to hand over.
struct RunHandoff {
    let run: RecordedRun
    let report: RunReport
    /// Whether no later run of the service is on record.
    let isLatest: Bool
    /// Whether a living process holds the service.
    let isHeld: Bool
    let since: Timestamp
    let now: Timestamp

    var id: RunID { run.record.id }
    /// `v2.5.0`, or `database-connections: failover`.
    private var release: String {
        guard let part = run.state.plan.runbook else { return "\(run.record.version)" }
        return part.action.map { "\(part.name): \($0)" } ?? part.name
    }

    var items: [Handoff.Item] {
        if let part = run.state.plan.runbook {
            return (isLatest ? open(part) + standing : []) + done(part) + notes
        }
        return (isLatest ? standing + planned : []) + changes + incident + notes
    }

    func item(
        _ topic: Handoff.Topic,
        _ at: Timestamp?,
        _ text: String,
        _ advice: String? = nil
    ) -> Handoff.Item {
        Handoff.Item(
            topic: topic,
            at: at,
            service: RunbookPart.service(ofLedger: run.record.service),
            run: id,
            text: text.split(separator: "\n").first.map(String.init) ?? text,
            advice: advice
        )
    }

    /// Behind a text; a runbook's run moves no traffic.
    private var split: String { run.state.plan.runbook == nil ? "; \(run.state.split)" : "" }

    // MARK: now

    /// What is under way, or needs a person.
    private var standing: [Handoff.Item] {
        let state = run.state
        let isAbandoned = !isHeld && !state.isSettled && !state.isAtRest
        if isAbandoned {
            let text = "\(release) was interrupted: no process drives it\(split)"
            return [item(.incidents, run.updatedAt, text, "go on: bgdeploy resume; back: bgdeploy rollback")]
        }
        switch state.condition {
        case .rollbackFailed:
            let text = "ROLLBACK of \(release) DID NOT COMPLETE; last confirmed: \(state.split)"
            return [item(.incidents, run.updatedAt, text, "bgdeploy status, then bgdeploy rollback")]
        case .paused:
            let pause = state.pause.map { "by \($0.by)" + ($0.reason.map { ": \($0)" } ?? "") } ?? ""
            let text = "\(release) is paused \(pause)\(split)"
            return [item(.incidents, run.updatedAt, text, "go on: bgdeploy resume; back: bgdeploy rollback")]
        case .waiting where state.waiting?.kind == "approval":
            let text = "\(release) waits for an approval: \(state.waiting?.title ?? "")\(split)"
            return [item(.incidents, state.waiting?.until, text, "give it: bgdeploy approve \(id)")]
        case .running where state.phase == .rollback:
            return [item(.incidents, run.updatedAt, "\(release) is being rolled back; \(state.split)")]
        case .running, .waiting:
            let phase = state.phase.map { " in \($0)" } ?? ""
            let text = "\(release) is under way\(phase)\(split)"
            return [item(.watch, state.waiting?.until, text, "bgdeploy events \(id) --follow")]
        case .failed:
            let what = state.plan.runbook == nil ? "is not out" : "failed"
            return [item(.known, run.updatedAt, "\(release) \(what): \(state.reason ?? "")")]
        case .succeeded, .rolledBack: return []
        }
    }

    private var planned: [Handoff.Item] {
        var items: [Handoff.Item] = []
        let plan = run.state.plan
        if case .released(let since, _) = run.state.stage, run.state.retiredAt == nil {
            let end = since.advanced(by: (plan.retirement ?? Retirement()).after)
            let text = "\(plan.stable) is kept, so that users can be put back to it"
            items.append(
                item(.watch, end, end > now ? text : "\(text); its time is over", "bgdeploy rollback \(id)")
            )
        }
        for task in run.state.plannedTasks {
            let overdue = task.due < now ? "overdue: " : ""
            items.append(
                item(.planned, task.due, "\(overdue)\(task.title)", "carried out by bgdeploy resume or serve")
            )
        }
        return items
    }

    // MARK: lately

    private var changes: [Handoff.Item] {
        var items: [Handoff.Item] = []
        let plan = run.state.plan
        if run.updatedAt >= since, !isOnlyByHand {
            let who = plan.startedBy.map { " by \($0.person)" } ?? ""
            let why = plan.reason.map { " (\($0))" } ?? ""
            let cause = run.state.reason.map { ": \($0)" } ?? ""
            let text = "\(release) to \(plan.candidate)\(who)\(why): \(report.condition)\(cause)"
            items.append(item(.changes, run.updatedAt, text, "bgdeploy report \(id)"))
        }
        if let override = plan.windowOverride, run.record.startedAt >= since {
            let text = "\(release) went through closed windows by \(override.by): \(override.reason)"
            items.append(item(.changes, run.record.startedAt, text))
        }
        if let retired = run.state.retiredAt, retired >= since {
            items.append(item(.changes, retired, "\(plan.stable) went out of service"))
        }
        for entry in run.entries where entry.event.at >= since {
            guard case .noted(let note) = entry.event.kind else { continue }
            // A hand-set split is noted when it is asked for, and when it is there.
            let isDone = note.topic == Note.trafficSet && !note.text.contains(": asked for ")
            if isDone || note.topic == "emergency" || note.topic == "drift" {
                items.append(item(.changes, entry.event.at, note.text))
            }
        }
        return items
    }

    /// Whether it holds hand-set splits alone: nothing was ever deployed.
    private var isOnlyByHand: Bool { run.state.plan.phases.isEmpty }

    // MARK: afterwards

    /// What an incident still asks for.
    private var incident: [Handoff.Item] {
        guard let incident = report.incident, incident.ended != nil else { return [] }
        var items: [Handoff.Item] = []
        let name = (incident.severity.map { "\($0) " } ?? "") + "incident of \(release)"
        if report.notes.texts(.cause).isEmpty, isOpen(incident) {
            let text = "\(name): no root cause is told; its report is due"
            items.append(item(.known, incident.reportDue, text, "bgdeploy note \(id) --cause TEXT"))
        }
        if let day = incident.postMortemDue, day >= Clock.day(now) {
            items.append(item(.planned, nil, "\(name): post-mortem until \(day)", "bgdeploy report \(id)"))
        }
        return items
    }

    /// Old ones without a cause are history.
    private func isOpen(_ incident: IncidentAccount) -> Bool {
        isLatest || incident.reportDue.advanced(by: .minutes(7 * 24 * 60)) > now
    }

    private var notes: [Handoff.Item] {
        let told = report.notes.all.filter { $0.at >= since && ![.action, .done].contains($0.remark.kind) }
        let actions = report.notes.actions.filter { !$0.isDone }
        return told.map { item(.notes, $0.at, "\(release): \($0.remark.told(by: $0.by))") }
            + actions.map { action in
                let remark = action.entry.remark
                let isLate = remark.due.flatMap { CalendarDay($0) }.map { $0 < Clock.day(now) } ?? false
                let text = "\(release): \(isLate ? "OVERDUE: " : "")\(remark.text)\(remark.terms)"
                return item(
                    .notes,
                    action.entry.at,
                    text,
                    "done: bgdeploy note \(id) --done \(action.number)"
                )
            }
    }
}
