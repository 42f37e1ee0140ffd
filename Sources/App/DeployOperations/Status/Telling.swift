package import DeployCore
package import DeployPorts

/// One line about a run, for a person.
package struct ToldLine: Equatable, Sendable {
    package enum Mark: Sendable {
        case begins, succeeds, fails, warns, waits, tells
    }

    package let at: Timestamp
    package let phase: PhaseName?
    package let mark: Mark
    /// May have several lines.
    package var text: String
}

/// What a journal entry means, in words: what ended, and what begins because of it.
package enum Telling {
    package static func lines(of entry: JournalEntry, before: RunState?, after: RunState) -> [ToldLine] {
        var lines: [ToldLine] = []
        func tell(_ mark: ToldLine.Mark, _ phase: PhaseName?, _ text: String) {
            lines.append(ToldLine(at: entry.event.at, phase: phase, mark: mark, text: text))
        }
        if let (mark, text) = what(entry.event.kind, before, after) {
            tell(mark, before?.phase ?? after.phase, text)
        }
        if case .noted = entry.event.kind { return lines }
        if after.plan.runbook != nil {
            return lines + runbookLines(of: entry, before, after, told: lines.first)
        }
        if let text = turned(before, after, told: lines.first?.text) { tell(.fails, .rollback, text) }
        if let pause = after.pause, before?.pause == nil {
            let why = pause.reason.map { $0 == lines.first?.text ? "" : ": \($0)" } ?? ""
            tell(
                .waits,
                after.phase,
                "paused by \(pause.by)\(why)\n\(after.split); go on: `bgdeploy resume`, take it back: `bgdeploy rollback`"
            )
        }
        for pending in entry.effects {
            let (mark, text) = begin(pending.effect, after, at: entry.event.at)
            tell(mark, after.phase, text)
        }
        let cause = lines.first.flatMap { $0.mark == .fails ? $0.text : nil }
        if let (mark, text) = ending(before, after, cause: cause) { tell(mark, nil, text) }
        return lines
    }

    private static func what(
        _ kind: RunEvent.Kind,
        _ before: RunState?,
        _ after: RunState
    ) -> (ToldLine.Mark, String)? {
        func pending(_ id: Int) -> PendingEffect? { before?.pending.first { $0.id == id } }
        switch kind {
        case .started(let plan) where plan.runbook != nil: return begun(plan)
        case .started(let plan):
            let now = plan.previousVersion.map { " with \($0)" } ?? ""
            return (
                .tells,
                "\(plan.service) \(plan.version) goes to \(plan.candidate); \(plan.stable) is live\(now)"
                    + (plan.reason.map { ": \($0)" } ?? "")
            )
        case .resumed(let actor):
            let split = after.plan.runbook == nil ? "; \(after.split)" : ""
            return (.tells, "taken over by \(actor)\(split)")
        case .succeeded(let id, _, let summary):
            guard let effect = pending(id)?.effect else { return nil }
            if case .wait = effect, case .returning = before?.stage { return nil }
            return (.succeeds, done(effect, after.plan) + (summary.map { ": \($0)" } ?? ""))
        case .failed(let id, let reason, let traffic):
            guard let pending = pending(id) else { return nil }
            return failed(pending, reason, traffic, after)
        case .judged(let id, let verdict):
            guard case .watch(let watch) = pending(id)?.effect else { return nil }
            return judged(verdict, watch)
        case .commanded(let command, let actor, let reason):
            return commanded(command, actor, reason, before, after)
        case .noted(let note) where note.topic == RunbookFold.topic:
            // A figure's severity is told with its check's failure.
            return note.facts[RunbookFold.severityFact] == nil ? (.tells, note.text) : nil
        case .noted(let note):
            return (Self.plainTopics.contains(note.topic) ? .tells : .warns, note.text)
        }
    }

    /// Of notes that warn of nothing.
    private static let plainTopics = ["traffic", "drain", "notice", "token created", "token revoked"]

    private static func judged(_ verdict: Verdict, _ watch: Watch) -> (ToldLine.Mark, String) {
        switch verdict {
        case .passed(let summary): (.succeeds, "watched at \(watch.candidate): \(summary)")
        case .rollBack(let reason), .rollBackGradually(let reason): (.fails, reason)
        case .inconclusive(let reason): (.warns, reason)
        }
    }

    /// A pause is told as what the run waits for, so the command is not.
    private static func commanded(
        _ command: Command,
        _ actor: Actor,
        _ reason: String?,
        _ before: RunState?,
        _ after: RunState
    ) -> (ToldLine.Mark, String)? {
        let why = reason.map { ": \($0)" } ?? ""
        switch command {
        case .approve: return (.tells, "approved by \(actor)\(approvals(before, after))\(why)")
        case .pause: return nil
        case .proceed: return (.tells, "resumed by \(actor)\(why)")
        case .promote(let full): return (.tells, "promoted\(full ? " to 100 %" : "") by \(actor)\(why)")
        case .abort: return (.tells, "aborted by \(actor)\(why)")
        case .rollback: return (.tells, "rolled back by \(actor)\(why)")
        case .retire: return (.tells, "\(after.plan.stable) retired by \(actor)\(why)")
        case .note(let remarks):
            return (.tells, remarks.map { $0.told(by: actor) }.joined(separator: "\n"))
        }
    }

    /// ` (1 of 2)`; nothing where one is enough.
    private static func approvals(_ before: RunState?, _ after: RunState) -> String {
        for pending in before?.pending ?? [] {
            guard case .approval(_, let people, _) = pending.effect, people > 1 else { continue }
            let isStillWaiting = after.pending.contains { $0.id == pending.id }
            return " (\(isStillWaiting ? after.approvalCount : people) of \(people))"
        }
        return ""
    }

    // MARK: what begins

    static func begin(
        _ effect: Effect,
        _ state: RunState,
        at now: Timestamp
    ) -> (ToldLine.Mark, String) {
        let plan = state.plan
        switch effect {
        case .step(let step): return (.begins, step.title)
        case .approval(let step, let people, let until):
            let what = people == 1 ? "an approval" : "\(people) approvals"
            return (
                .waits,
                "\(step.title): waits for \(what) until \(hour(until, at: now)); give it: `bgdeploy approve`"
            )
        case .wait(let step, let until):
            if case .returning = state.stage { return (.waits, "tries again in \(until.since(now))") }
            if case .released = state.stage {
                return (.waits, "due \(Clock.date(until)): \(plan.title(of: step))")
            }
            return (
                .waits,
                "\(plan.title(of: step)): waits until \(hour(until, at: now)); go on now: `bgdeploy promote`"
            )
        case .window(let step, let opens, let until):
            guard let opens, now < opens, opens <= until else { return (.begins, step.title) }
            return (.waits, "\(step.title): closed, waits until it opens at \(hour(opens, at: now))")
        case .route(let exposure): return (.begins, "traffic to \(plan.split(candidate: exposure))")
        case .watch(let watch): return (.waits, watching(watch, plan, at: now))
        case .drain(let until):
            return (
                .waits,
                "waits for the connections to \(plan.stable) to end, until \(hour(until, at: now)) at most"
            )
        }
    }

    private static func watching(_ watch: Watch, _ plan: Plan, at now: Timestamp) -> String {
        let what = "\(plan.candidate) at \(watch.candidate) is watched until \(hour(watch.until, at: now))"
        switch watch.purpose {
        case .hold, .monitor: return "\(what); go on now: `bgdeploy promote`"
        case .pause: return "\(what); rolled back then unless somebody decides"
        case .rollback: return "\(what); go back at once: `bgdeploy rollback`"
        }
    }

    /// The time of day; the date too when it is not soon.
    private static func hour(_ until: Timestamp, at now: Timestamp) -> String {
        Clock.time(until, seenAt: now)
    }

    // MARK: what ended

    private static func done(_ effect: Effect, _ plan: Plan) -> String {
        switch effect {
        case .step(let step), .approval(let step, _, _), .window(let step, _, _): step.title
        case .wait(let step, _): "\(plan.title(of: step)): waited"
        case .route: "traffic"
        case .watch: "watched"
        case .drain: "drained"
        }
    }

    private static func failed(
        _ pending: PendingEffect,
        _ reason: String,
        _ traffic: TrafficKnowledge,
        _ after: RunState
    ) -> (ToldLine.Mark, String) {
        let plan = after.plan
        switch pending.effect {
        case .step(let step), .approval(let step, _, _), .window(let step, _, _):
            let text = reason.hasPrefix(step.title) ? reason : "\(step.title): \(reason)"
            if pending.isCancelled { return (.tells, "\(text) (it was told to stop)") }
            if plan.runbook?.checks.contains(where: { $0.step == step.id }) == true {
                return (.fails, checkFailed(step, text, plan))
            }
            if case .released = after.stage { return (.warns, text) }
            let decides = step.onFailure == .stop && after.isDecidedByFailure(of: step)
            return decides ? (.fails, text) : (.warns, "\(text)\nThe run goes on all the same.")
        case .route(let exposure):
            let what = "traffic to \(plan.split(candidate: exposure)): \(reason)"
            switch traffic {
            case .unchanged: return (.fails, "\(what)\nThe split is as before: \(after.split)")
            case .unknown:
                return (.fails, "\(what)\nThe split is not known now; last confirmed: \(after.split)")
            }
        case .drain:
            if case .forward = after.stage { return (.warns, "\(reason)\nThe run goes on all the same.") }
            return (.fails, reason)
        case .wait, .watch: return (.fails, reason)
        }
    }

    private static func turned(_ before: RunState?, _ after: RunState, told: String?) -> String? {
        guard case .returning(let journey) = after.stage else { return nil }
        if case .returning = before?.stage { return nil }
        let why = told?.contains(journey.reason) == true ? "" : ": \(journey.reason)"
        guard after.hasMovedTraffic else { return "stopping; no traffic has moved\(why)" }
        let way = journey.shares.count > 1 ? ", step by step" : ""
        return "going back: all traffic to \(after.plan.stable)\(way) (\(after.plan.candidate) has "
            + "\(after.confirmed))\(why)"
    }

    /// `cause` is what was told to have failed just now, in more words than the run's reason where it is the same.
    package static func ending(
        _ before: RunState?,
        _ after: RunState,
        cause: String? = nil
    ) -> (ToldLine.Mark, String)? {
        guard before?.isSettled != true || before?.condition != after.condition else { return nil }
        func told(_ reason: String) -> String { cause.flatMap { $0.hasSuffix(reason) ? $0 : nil } ?? reason }
        let plan = after.plan
        if let part = plan.runbook { return ending(of: part, after, told: told) }
        switch after.stage {
        case .released:
            let old = plan.previousVersion.map { "still has \($0)" } ?? "is as it was"
            return (
                .succeeds,
                """
                \(plan.service) \(plan.version) is live on \(plan.candidate)
                \(plan.stable) \(old); take the traffic back to it: `bgdeploy rollback`
                """
            )
        case .ended(.failed(let reason)):
            return (
                .fails,
                """
                failed before any traffic moved; \(plan.stable) has all traffic as before
                \(told(reason))
                The whole story: `bgdeploy report`. No traffic has to be put back: mend the cause, then run it again.
                """
            )
        case .ended(.rolledBack(let reason)):
            return (
                .fails,
                """
                rolled back; \(plan.stable) has all traffic
                \(reason)
                The whole story: `bgdeploy report`
                """
            )
        case .ended(.rollbackFailed(let reason)):
            return (
                .fails,
                """
                ROLLBACK DID NOT COMPLETE: a person is needed now; last confirmed: \(after.split)
                \(reason)
                Look with `bgdeploy status`; try again with `bgdeploy rollback` or `bgdeploy rollback --emergency`
                """
            )
        case .idle, .forward, .returning: return nil
        }
    }
}

extension RunState {
    /// Whether `step`, having failed, ends the way forward.
    ///
    /// Clean-up, the steps of a rollback and follow-ups decide
    /// nothing.
    fileprivate func isDecidedByFailure(of step: Step) -> Bool {
        let isPartOfWayBack = plan.rollback.steps.contains { $0.id == step.id }
        return !isPartOfWayBack && plan.plannedStep(step.id) == nil
    }
}

extension Plan {
    /// The title of a step of any part of the plan; its identity when it has none.
    package func title(of id: StepID) -> String {
        for case .steps(let phase) in phases {
            for step in phase.groups.joined() where step.id == id { return step.title }
        }
        return plannedStep(id)?.title ?? "\(id)"
    }
}

extension RunState {
    /// People that have approved the gate at which the run stands.
    package var approvalCount: Int {
        if case .forward(_, .steps(_, _, let approvals)) = stage { approvals.count } else { 0 }
    }
}
