/// Something that happened, and when.
///
/// A run is the fold of these.
///
/// Persisted: every payload is labelled, a case or a label is never renamed or removed, and a new payload is
/// optional. `Tests/StoreSQLiteTests/Golden` holds events that every later version must read.
public struct RunEvent: Hashable, Codable, Sendable {
    public enum Kind: Hashable, Codable, Sendable {
        case started(plan: Plan)
        /// A process took the run over: what was under way is reconciled with the world.
        case resumed(by: Actor)
        /// `captures` are the values a step took from its answers; `summary` is one line for a person.
        case succeeded(effect: Int, captures: [String: String], summary: String?)
        case failed(effect: Int, reason: String, traffic: TrafficKnowledge)
        case judged(effect: Int, verdict: Verdict)
        case commanded(command: Command, by: Actor, reason: String?)
        /// Nothing that decides: what was seen, for reports and for people.
        case noted(note: Note)
    }

    public let at: Timestamp
    public let kind: Kind

    public init(at: Timestamp, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }
}

/// What is known of the traffic after an effect failed.
public enum TrafficKnowledge: String, Hashable, Codable, Sendable {
    /// The split is what it was before.
    case unchanged
    /// The split may be the old one, the new one, or differ between balancers.
    case unknown
}

/// What a watch found.
public enum Verdict: Hashable, Codable, Sendable {
    /// The time is over, or the evidence is in, and nothing speaks against the candidate.
    case passed(summary: String)
    /// Back, at once.
    case rollBack(reason: String)
    /// Back by the steps of the playbook's gradual rollback.
    case rollBackGradually(reason: String)
    /// The time is over and what should have been measured was not.
    case inconclusive(reason: String)
}

/// What a person may ask of a run.
public enum Command: Hashable, Codable, Sendable {
    case approve
    /// Hold at the current split.
    case pause
    /// Go on after a pause.
    case proceed
    /// End the current hold: next step now, or straight to 100 %.
    case promote(full: Bool)
    /// Stop, and put the traffic back.
    case abort
    /// Put the traffic back, also after the run has succeeded.
    case rollback(gradual: Bool)
    /// Take the environment that is no longer live out of service; `early` also while it is kept for a rollback.
    case retire(early: Bool)
    /// Keep what is known of the run, whatever it is doing and also after its end.
    case note(remarks: [Remark])
}

/// An observation kept for reports.
public struct Note: Hashable, Codable, Sendable {
    /// A fixed word by kind, such as `traffic` or `drift`.
    public let topic: String
    /// For a person.
    public let text: String
    /// For programs; numbers as text.
    public let facts: [String: String]

    public init(topic: String, text: String, facts: [String: String] = [:]) {
        self.topic = topic
        self.text = text
        self.facts = facts
    }
}
