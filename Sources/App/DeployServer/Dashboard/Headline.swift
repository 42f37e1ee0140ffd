import DeployCore
import DeployOperations
import DeployPorts

/// What a run does or waits for now, in one sentence.
struct Headline {
    let text: String
    /// When that is over at the latest.
    var until: Timestamp?
    /// Since when, where there is no end to count down to.
    var since: Timestamp?
    /// Whether nothing goes on until a person does something.
    var needsPerson = false

    init(_ run: RecordedRun, _ word: StateWord) {
        let (state, plan) = (run.state, run.state.plan)
        if word == .interrupted {
            text = "No process drives this run, and it has not ended: go on with it, or take it back."
            needsPerson = true
            since = run.updatedAt
            return
        }
        if let pause = state.pause {
            let reason = pause.reason.map { ": \($0)" } ?? ""
            text = "Paused by \(pause.by)\(reason)."
            needsPerson = true
            until = state.waiting?.until
            return
        }
        if let waiting = state.waiting {
            self = Self.waiting(waiting, state)
            return
        }
        if plan.runbook != nil, let (_, words) = Telling.ending(nil, state) {
            text = words.split(whereSeparator: \.isNewline).first.map { "\($0)." } ?? words
            return
        }
        switch state.stage {
        case .idle: text = "It is about to begin."
        case .forward, .returning: self = Self.working(run)
        case .released:
            text =
                "\(plan.version) is live on \(plan.candidate); \(plan.stable) still has "
                + "\(plan.previousVersion?.rawValue ?? "what it had")."
        case .ended(.failed): text = "It failed before any traffic moved; users stayed on \(plan.stable)."
        case .ended(.rolledBack): text = "It was rolled back; all traffic went back to \(plan.stable)."
        case .ended(.rollbackFailed):
            text = "The rollback did not complete. Last confirmed: \(state.split)."
            needsPerson = true
        }
    }

    private init(
        _ text: String,
        until: Timestamp? = nil,
        since: Timestamp? = nil,
        needsPerson: Bool = false
    ) {
        self.text = text
        self.until = until
        self.since = since
        self.needsPerson = needsPerson
    }

    private static func waiting(_ waiting: RunState.Waiting, _ state: RunState) -> Headline {
        let plan = state.plan
        switch waiting.kind {
        case "approval":
            return Headline(
                "Waits for an approval: \(waiting.title).",
                until: waiting.until,
                needsPerson: true
            )
        case "hold":
            guard case .forward = state.stage else {
                return Headline("Going back step by step; \(waiting.title).", until: waiting.until)
            }
            let next = state.nextExposure.map { ", then it gets \($0)" } ?? ""
            return Headline(
                "\(plan.candidate) is watched at \(state.confirmed)\(next).",
                until: waiting.until
            )
        case "monitor":
            let rest = state.confirmed == .full ? "with all traffic" : "with \(state.confirmed)"
            return Headline("\(plan.candidate) is monitored \(rest).", until: waiting.until)
        case "drain":
            return Headline("Waits for the connections to \(plan.stable) to end.", until: waiting.until)
        default:
            if case .released = state.stage {
                return Headline("\(plan.version) is live on \(plan.candidate).")
            }
            if case .returning = state.stage {
                return Headline("Tries to put the traffic back again.", until: waiting.until)
            }
            return Headline(
                "Waits: \(plan.title(of: StepID(rawValue: waiting.title))).",
                until: waiting.until
            )
        }
    }

    private static func working(_ run: RecordedRun) -> Headline {
        let plan = run.state.plan
        guard let pending = run.state.pending.first else {
            return Headline("Decides what comes next.", since: run.updatedAt)
        }
        let since = run.entries.last { $0.effects.contains { $0.id == pending.id } }?.event.at
        switch pending.effect {
        case .step(let step): return Headline("Carries out: \(step.title).", since: since)
        case .route(let exposure):
            return Headline("Moves the traffic: \(plan.split(candidate: exposure)).", since: since)
        case .approval, .wait, .window, .watch, .drain: return Headline("Waits.", since: since)
        }
    }

    func markup(now: Timestamp) -> Markup {
        tag("p", .style(needsPerson ? "headline person" : "headline")) {
            if needsPerson { Icon.hand.markup }
            tag("span") {
                tag("b") { "\(text)" }
                if let until {
                    " "
                    Moment.left(until: until, now: now)
                } else if let since {
                    " "
                    Moment.running(since: since, now: now)
                }
            }
        }
    }
}

extension RunState {
    /// The next task of a released run, and when it is due.
    var nextTask: (title: String, due: Timestamp)? {
        guard case .released(let since, let next) = stage, next < plan.followUps.count else { return nil }
        let task = plan.followUps[next]
        return (task.step.title, since.advanced(by: task.after))
    }
}
