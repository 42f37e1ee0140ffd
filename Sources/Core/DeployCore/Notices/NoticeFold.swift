/// How grave errors and slowness are, by the playbook's names for it.
public struct NoticeGrades: Sendable {
    /// The gravest first.
    public let names: [String]
    /// The name for an error rate from 0 through 1, and for the candidate's p95 as a multiple of the stable
    /// environment's, `nil` where it is not known; `nil` for what is not grave.
    public let name: @Sendable (_ errorRate: Double, _ slowdown: Double?) -> String?

    public init(
        names: [String],
        name: @escaping @Sendable (_ errorRate: Double, _ slowdown: Double?) -> String?
    ) {
        self.names = names
        self.name = name
    }

    public static let none = NoticeGrades(names: []) { _, _ in nil }

    /// Under this a journal's note keeps how much slower the candidate was, where enough was measured.
    public static let slowdownFact = "slowdown"
}

/// What one event of a run tells.
public struct NoticedEvent: Hashable, Sendable {
    /// Often empty.
    public let notices: [Notice]
    /// Messages of the playbook's own steps, and for whom they are.
    public let messages: [NoticeMessage]
    /// A person gave the run an order: whoever was to be woken up need not be.
    public let hasActed: Bool
    /// The run ended with the traffic where it should be: nobody has to look any more.
    public let hasSettledWell: Bool
}

/// What a step `notify` tells.
public struct NoticeMessage: Hashable, Sendable {
    public let notice: Notice
    /// The names of the channels; empty for all of them.
    public let names: [String]
    /// The step whose own channel it goes to; `nil` for the playbook's.
    public let step: StepID?

    /// The topic of the journal's note that carries it.
    public static let topic = "notice"
    /// Keys of the note's facts.
    public static let namesFact = "to"
    public static let stepFact = "step"
}

/// Goes through a run's events in order and says what each one tells.
///
/// The same events give the same notices, whoever reads them and whenever.
public struct NoticeFold: Sendable {
    public let run: RunID
    public private(set) var state: RunState?
    private let grades: NoticeGrades
    private var startedAt: Timestamp?
    /// The gravest that was told.
    private var worst: Int?
    private var findings = RunbookFold()

    public init(run: RunID, grades: NoticeGrades = .none) {
        self.run = run
        self.grades = grades
    }

    public mutating func take(_ event: RunEvent, sequence: Int) -> NoticedEvent {
        let before = state
        if case .started(let plan) = event.kind, state == nil {
            state = RunState(plan: plan)
            startedAt = event.at
        }
        guard let begun = state, let startedAt else {
            return NoticedEvent(notices: [], messages: [], hasActed: false, hasSettledWell: false)
        }
        let transition = Reducer.step(begun, event)
        let after = transition.state
        state = after
        if begun.plan.runbook != nil { findings.take(event, before: begun) }
        let teller = Teller(
            run: run,
            sequence: sequence,
            at: event.at,
            startedAt: startedAt,
            after: after,
            findings: findings
        )
        var notices = teller.notices(of: event, before: before, transition)
        if let notice = severity(event, teller) { notices.append(notice) }
        return NoticedEvent(
            notices: notices,
            messages: teller.message(in: event).map { [$0] } ?? [],
            hasActed: transition.refusal == nil && event.isOrderOfPerson,
            hasSettledWell: before?.hasSettledWell != true && after.hasSettledWell
                && findings.incident(after: after, of: run) == nil
        )
    }

    /// Each severity is told when it is graver than all before.
    private mutating func severity(_ event: RunEvent, _ teller: Teller) -> Notice? {
        guard case .noted(let note) = event.kind, let name = name(of: note),
            let rank = grades.names.firstIndex(of: name), worst.map({ rank < $0 }) ?? true
        else { return nil }
        worst = rank
        let prefix = "\(name): "
        let text = note.text.hasPrefix(prefix) ? String(note.text.dropFirst(prefix.count)) : note.text
        return teller.notice(
            .severity(name),
            "\(name): \(isForErrors(note, name) ? "too many errors of" : "too slow:") \(teller.release)",
            text,
            rank: rank
        )
    }

    /// The judge's own word at the decision to go back, or what the figures of a watch come to.
    private func name(of note: Note) -> String? {
        if note.topic == "impact" { return note.facts["severity"] }
        // The way back proves nothing, and of a few requests the first error is a large share.
        guard note.topic == "traffic", note.facts["return"] == nil,
            let pace = note.facts["candidate.requests_per_second"].flatMap(Double.init), pace >= 2,
            let rate = note.facts["candidate.error_rate"].flatMap(Double.init)
        else { return nil }
        return grades.name(rate, note.facts[NoticeGrades.slowdownFact].flatMap(Double.init))
    }

    /// Whether `note` deserves `name` without being slow; the judge's own word does not say.
    private func isForErrors(_ note: Note, _ name: String) -> Bool {
        guard note.topic == "traffic" else { return true }
        let rate = note.facts["candidate.error_rate"].flatMap(Double.init)
        return rate.flatMap { grades.name($0, nil) } == name
    }
}

/// Words the notices of one event.
struct Teller {
    let run: RunID
    let sequence: Int
    let at: Timestamp
    let startedAt: Timestamp
    let after: RunState
    /// Of a runbook's run.
    let findings: RunbookFold

    var plan: Plan { after.plan }
    var release: String { "\(plan.service) \(plan.version)" }

    func notices(of event: RunEvent, before: RunState?, _ transition: Reducer.Transition) -> [Notice] {
        if let part = plan.runbook { return notices(of: part, before: before, transition) }
        var notices: [Notice] = []
        if before == nil {
            let now = plan.previousVersion.map { " with \($0)" } ?? ""
            let detail = "\(plan.stable) is live\(now)"
            notices.append(notice(.started, "\(release) goes to \(plan.candidate)", detail))
        }
        if before?.phase == .shift, after.phase != .shift, !after.isGoingBack {
            notices.append(notice(.switched, "\(release) has the traffic: \(after.split)", nil))
        }
        notices += approvals(transition, of: release, run: "")
        if let pause = after.pause, before?.pause == nil {
            let why = pause.reason.map { "\($0)\n" } ?? ""
            let detail = "\(why)Go on: bgdeploy resume. Take it back: bgdeploy rollback"
            notices.append(notice(.waiting, "\(release) was paused by \(pause.by)", detail))
        }
        if let notice = ending(before) { notices.append(notice) }
        return notices
    }

    /// What waits for an approval now; `run` is what its command has to name.
    func approvals(_ transition: Reducer.Transition, of what: String, run: String) -> [Notice] {
        transition.effects.compactMap { pending in
            guard case .approval(let step, let people, _) = pending.effect else { return nil }
            let wanted = people == 1 ? "an approval" : "\(people) approvals"
            let detail = "\(step.title)\nGive it: bgdeploy approve\(run)"
            return notice(.waiting, "\(what) waits for \(wanted)", detail)
        }
    }

    private func ending(_ before: RunState?) -> Notice? {
        guard before?.isSettled != true || before?.condition != after.condition else { return nil }
        switch after.stage {
        case .released:
            let old = plan.previousVersion.map { "still has \($0)" } ?? "is as it was"
            return notice(.succeeded, "\(release) is live on \(plan.candidate)", "\(plan.stable) \(old)")
        case .ended(.failed(let reason)):
            return notice(.failed, "\(release) failed before any traffic moved", reason)
        case .ended(.rolledBack(let reason)):
            return notice(.rolledBack, "\(release) was rolled back; \(plan.stable) has all traffic", reason)
        case .ended(.rollbackFailed(let reason)):
            let title = "ROLLBACK OF \(release) DID NOT COMPLETE: a person is needed now"
            return notice(.rollbackFailed, title, "last confirmed: \(after.split)\n\(reason)")
        case .idle, .forward, .returning: return nil
        }
    }

    func message(in event: RunEvent) -> NoticeMessage? {
        guard case .noted(let note) = event.kind, note.topic == NoticeMessage.topic else { return nil }
        let lines = note.text.split(separator: "\n", maxSplits: 1).map(String.init)
        let names = note.facts[NoticeMessage.namesFact]?.split(separator: ",").map(String.init)
        return NoticeMessage(
            notice: notice(.message, lines.first ?? release, lines.dropFirst().first),
            names: names ?? [],
            step: note.facts[NoticeMessage.stepFact].map(StepID.init(rawValue:))
        )
    }

    func notice(
        _ topic: NoticeTopic,
        _ title: String,
        _ detail: String?,
        rank: Int? = nil,
        incident: Incident? = nil
    ) -> Notice {
        Notice(
            run: run,
            sequence: sequence,
            topic: topic,
            at: at,
            runStartedAt: startedAt,
            plan: plan,
            split: after.split,
            title: Self.cut(title, to: 200),
            detail: detail.map { Self.cut($0, to: 2000) },
            rank: rank,
            incident: incident
        )
    }

    private static func cut(_ text: String, to length: Int) -> String {
        text.count > length ? text.prefix(length - 1) + "…" : text
    }
}

extension RunState {
    /// Ended, with the traffic where it should be.
    fileprivate var hasSettledWell: Bool {
        switch condition {
        case .succeeded, .failed, .rolledBack: true
        case .running, .waiting, .paused, .rollbackFailed: false
        }
    }

    fileprivate var isGoingBack: Bool {
        switch stage {
        case .returning, .ended: true
        case .idle, .forward, .released: false
        }
    }
}

extension RunEvent {
    fileprivate var isOrderOfPerson: Bool {
        if case .commanded(let command, let actor, _) = kind {
            // Who writes down what he saw has not taken care of it.
            if case .note = command { false } else { actor != .bgdeploy }
        } else {
            false
        }
    }
}
