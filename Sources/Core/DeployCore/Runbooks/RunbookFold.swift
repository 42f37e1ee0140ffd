/// Goes through the events of a runbook's run in order, and says what its checks found.
///
/// An incident is what is left when the runs of a runbook are folded one after the other: each begins with the
/// one that was open.
public struct RunbookFold: Sendable {
    /// What a check came to.
    public struct Finding: Hashable, Sendable {
        public enum Outcome: Hashable, Sendable {
            case fine(String?)
            case failed(reason: String)
            /// It has not ended.
            case unknown
        }

        public let check: RunbookCheck
        public let outcome: Outcome
        /// Of its failure.
        public let severity: IncidentSeverity?
        /// What it found at length, for a person; `nil` unless the runbook wants it shown.
        public let shown: String?

        public var hasFailed: Bool {
            if case .failed = outcome { true } else { false }
        }
    }

    private var outcomes: [StepID: Finding.Outcome] = [:]
    private var grades: [StepID: IncidentSeverity] = [:]
    private var shown: [StepID: String] = [:]

    public init() {}

    /// Those of a whole run.
    public init(_ events: some Sequence<RunEvent>) {
        self.init()
        var state: RunState?
        for event in events {
            if case .started(let plan) = event.kind, state == nil { state = RunState(plan: plan) }
            guard let before = state else { continue }
            take(event, before: before)
            state = Reducer.step(before, event).state
        }
    }

    /// `before` is the state that `event` came to.
    public mutating func take(_ event: RunEvent, before: RunState) {
        switch event.kind {
        case .succeeded(let id, _, let summary): settle(id, .fine(summary), before)
        case .failed(let id, let reason, _): settle(id, .failed(reason: reason), before)
        case .noted(let note) where note.topic == Self.topic:
            guard let step = note.facts[Self.stepFact].map(StepID.init(rawValue:)) else { return }
            if let word = note.facts[Self.severityFact] {
                grades[step] = IncidentSeverity(rawValue: word)
            } else {
                shown[step] = note.text
            }
        case .started, .resumed, .judged, .commanded, .noted: return
        }
    }

    private mutating func settle(_ id: Int, _ outcome: Finding.Outcome, _ state: RunState) {
        guard let pending = state.pending.first(where: { $0.id == id }), !pending.isCancelled,
            case .step(let step) = pending.effect
        else { return }
        outcomes[step.id] = outcome
    }

    /// Every check of the run, in the runbook's order.
    public func findings(of part: RunbookPart) -> [Finding] {
        part.checks.map { check in
            let outcome = outcomes[check.step] ?? .unknown
            let severity: IncidentSeverity? =
                if case .failed = outcome { grades[check.step] ?? check.severity } else { nil }
            return Finding(check: check, outcome: outcome, severity: severity, shown: shown[check.step])
        }
    }

    /// What steps that are no checks found at length, by step.
    public func shown(by step: StepID) -> String? { shown[step] }

    /// The incident that is open after `run`, which stands as `state` says.
    ///
    /// Only a run that came to its end decides: one that was stopped or failed leaves what was open before.
    public func incident(after state: RunState, of run: RunID) -> Incident? {
        guard let part = state.plan.runbook else { return nil }
        guard case .released(let since, _) = state.stage, !part.checks.isEmpty else { return part.incident }
        let failed = findings(of: part).filter(\.hasFailed)
        guard !failed.isEmpty else { return nil }
        let severities = failed.compactMap(\.severity) + [part.incident?.severity].compactMap(\.self)
        return Incident(
            run: part.incident?.run ?? run,
            since: part.incident?.since ?? since,
            severity: severities.min()
        )
    }

    /// The topic of the notes that carry a figure's severity, or what is to be shown.
    public static let topic = "finding"
    public static let stepFact = "step"
    public static let severityFact = "severity"
}
