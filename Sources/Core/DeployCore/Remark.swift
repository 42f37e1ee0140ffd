/// What a person adds to the record of a run: it decides nothing.
///
/// Persisted with ``Command/note(remarks:)``: a case is never renamed, and a new field is optional.
public struct Remark: Hashable, Codable, Sendable {
    public enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
        case note
        /// The root cause; the latest one counts.
        case cause
        /// What was done to end the incident.
        case resolution
        /// What was learnt from it.
        case lesson
        /// What it meant for users, revenue and data.
        case impact
        /// How grave it was, in the playbook's word; the latest one counts.
        case severity
        /// What is to be done so that it does not come again.
        case action
        /// The number of an action of the run that is done, from 1.
        case done
    }

    public let kind: Kind
    /// One line or more, never empty.
    public let text: String
    /// Who does it; of an action.
    public let owner: String?
    /// The day until when, as `2026-12-20`; of an action.
    public let due: String?

    public init(_ kind: Kind, _ text: String, owner: String? = nil, due: String? = nil) {
        self.kind = kind
        self.text = text
        self.owner = owner
        self.due = due
    }
}

extension RunEvent {
    /// What a person added with this event, and who; `nil` for every other event.
    public var remarks: (remarks: [Remark], by: Actor)? {
        if case .commanded(.note(let remarks), let actor, _) = kind { (remarks, actor) } else { nil }
    }
}
