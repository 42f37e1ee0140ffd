import DeployCore
import DeployPorts

/// One line about a run, for a person.
struct ToldLine: Equatable, Sendable {
    enum Mark: Sendable {
        case begins, succeeds, fails, warns, waits, tells
    }

    let at: Timestamp
    let phase: PhaseName?
    let mark: Mark
    /// May have several lines.
    let text: String
}

/// What a journal entry means, in words: what ended, and what begins because of it.
enum Telling {
    static func lines(of entry: JournalEntry, before: RunState?, after: RunState) -> [ToldLine] {
        var lines: [ToldLine] = []
        func tell(_ mark: ToldLine.Mark, _ phase: PhaseName?, _ text: String) {
            lines.append(ToldLine(at: entry.event.at, phase: phase, mark: mark, text: text))
        }
        if let (mark, text) = what(entry.event.kind, before) { tell(mark, before?.phase ?? after.phase, text) }
        if case .noted = entry.event.kind { return lines }
        if let reason = turned(before, after) { tell(.fails, .rollback, "rolling back: \(reason)") }
        if let pause = after.pause, before?.pause == nil {
            tell(.waits, after.phase, "paused by \(pause.by)\(pause.reason.map { ": \($0)" } ?? "")")
        }
        for pending in entry.effects { tell(begin(pending.effect).0, after.phase, begin(pending.effect).1) }
        if let (mark, text) = ending(before, after) { tell(mark, nil, text) }
        return lines
    }

    private static func what(_ kind: RunEvent.Kind, _ before: RunState?) -> (ToldLine.Mark, String)? {
        func effect(_ id: Int) -> Effect? { before?.pending.first { $0.id == id }?.effect }
        switch kind {
        case .started(let plan):
            return (.tells, "\(plan.service) \(plan.version) to \(plan.candidate); \(plan.stable) is live")
        case .resumed(let actor): return (.tells, "taken over by \(actor)")
        case .succeeded(let id, _, let summary):
            guard let effect = effect(id) else { return nil }
            return (.succeeds, done(effect) + (summary.map { ": \($0)" } ?? ""))
        case .failed(_, let reason, _): return (.fails, reason)
        case .judged(_, .passed(let summary)): return (.succeeds, "watched: \(summary)")
        case .judged(_, .rollBack(let reason)): return (.fails, reason)
        case .judged(_, .rollBackGradually(let reason)): return (.fails, reason)
        case .judged(_, .inconclusive(let reason)): return (.warns, reason)
        case .commanded(let command, let actor, let reason):
            return (.tells, "\(actor) asked to \(command.word)\(reason.map { ": \($0)" } ?? "")")
        case .noted(let note): return (note.topic == "traffic" ? .tells : .warns, note.text)
        }
    }

    private static func begin(_ effect: Effect) -> (ToldLine.Mark, String) {
        switch effect {
        case .step(let step): (.begins, step.title)
        case .approval(let step, let people, let until):
            (
                .waits,
                "\(step.title): waits for \(people == 1 ? "an approval" : "\(people) approvals") until "
                    + "\(Clock.time(until)); bgdeploy approve"
            )
        case .wait(_, let until): (.waits, "waits until \(Clock.time(until))")
        case .route(let share): (.begins, "candidate's share to \(share) %")
        case .watch(let watch):
            (.waits, "watching at \(watch.candidate) % until \(Clock.time(watch.until))")
        case .drain(let until): (.waits, "draining until \(Clock.time(until)) at most")
        }
    }

    private static func done(_ effect: Effect) -> String {
        switch effect {
        case .step(let step): step.title
        case .approval(let step, _, _): step.title
        case .wait: "waited"
        case .route: "switched"
        case .watch: "watched"
        case .drain: "drained"
        }
    }

    private static func turned(_ before: RunState?, _ after: RunState) -> String? {
        guard case .returning(let journey) = after.stage else { return nil }
        if case .returning = before?.stage { return nil }
        return journey.reason
    }

    static func ending(_ before: RunState?, _ after: RunState) -> (ToldLine.Mark, String)? {
        guard before?.isSettled != true || before?.condition != after.condition else { return nil }
        let plan = after.plan
        switch after.stage {
        case .released:
            return (.succeeds, "\(plan.service) \(plan.version) is live on \(plan.candidate)")
        case .ended(.failed(let reason)):
            return (
                .fails,
                "failed before any traffic moved; \(plan.stable) has all traffic as before\n\(reason)"
            )
        case .ended(.rolledBack(let reason)):
            return (.fails, "rolled back; \(plan.stable) has all traffic\n\(reason)")
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
