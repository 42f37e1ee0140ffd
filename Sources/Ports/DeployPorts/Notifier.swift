public import DeployCore

/// Tells people or programs elsewhere what a run has to tell.
public protocol Notifier: Sendable {
    /// One line, with its `${…}` as they stand: `slack`, `email to ops@example.org`.
    var summary: String { get }

    /// Every name that its texts refer to.
    var references: [Reference] { get }

    /// What it can be asked to do beside telling.
    var acts: Set<NoticeAct> { get }

    /// Sends `delivery`, in 30 s at most.
    ///
    /// The receiver has it when the call returns; after an error it may have it. No error shows a value of
    /// `values.secrets`.
    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError)
}

extension Notifier {
    public var acts: Set<NoticeAct> { [.tell] }
}

public enum NoticeAct: String, Hashable, Codable, Sendable {
    case tell
    /// Somebody takes care of what was told of the run.
    case acknowledge
    /// What was told of the run needs nobody any more.
    case resolve
}

/// One notice on its way to one channel.
public struct NoticeDelivery: Hashable, Sendable {
    /// The same at each attempt, also after a crash: a receiver tells by it what it has already got.
    public let id: String
    public let act: NoticeAct
    public let notice: Notice
    /// Whom it goes to because nobody acted; `nil` for the first telling.
    public let escalatedTo: String?
    /// Of this attempt.
    public let sentAt: Timestamp

    public init(
        id: String,
        act: NoticeAct,
        notice: Notice,
        escalatedTo: String? = nil,
        sentAt: Timestamp
    ) {
        self.id = id
        self.act = act
        self.notice = notice
        self.escalatedTo = escalatedTo
        self.sentAt = sentAt
    }
}

/// Why a notice did not get through.
public enum NotifierError: Error, Hashable, Sendable {
    /// It may get through later. `retryAfter` is what the receiver asked for.
    case notDelivered(reason: String, retryAfter: Span?)
    /// The receiver does not want it, or it cannot be sent: trying again changes nothing.
    case refused(reason: String)
    /// The task was cancelled: nothing is known.
    case stopped
}

/// A kind of notifier that a playbook may name.
public struct NotifierKind: Sendable {
    /// The key that chooses it: `slack`.
    public let key: String
    /// JSON Schema of each key that it reads, as JSON text; ``key`` itself is one.
    public let properties: [(key: String, schema: String)]
    /// Keys beside ``key`` that must be there.
    public let required: [String]
    /// What it tells where the playbook does not say.
    public let topics: [NoticeTopic]
    /// Reads all of ``properties`` (the caller calls `finish`); reports every mistake.
    ///
    /// Returns `nil` only after it has reported one.
    public let make: @Sendable (_ reader: inout MapReader) -> (any Notifier)?

    public init(
        key: String,
        properties: [(key: String, schema: String)],
        required: [String] = [],
        topics: [NoticeTopic],
        make: @escaping @Sendable (_ reader: inout MapReader) -> (any Notifier)?
    ) {
        self.key = key
        self.properties = properties
        self.required = required
        self.topics = topics
        self.make = make
    }
}

/// One entry of a playbook's `notify`.
public struct NoticeChannel: Sendable {
    /// By which steps and escalations name it: its `name`, or its kind.
    public let name: String
    public let notifier: any Notifier
    public let topics: Set<NoticeTopic>
    public let escalations: [Escalation]

    /// Whom to tell, another time, when nobody has acted.
    public struct Escalation: Hashable, Sendable {
        public let after: Span
        /// The name of another channel, or anybody's.
        public let to: String

        public init(after: Span, to: String) {
            self.after = after
            self.to = to
        }
    }

    public init(
        name: String,
        notifier: any Notifier,
        topics: Set<NoticeTopic> = [],
        escalations: [Escalation] = []
    ) {
        self.name = name
        self.notifier = notifier
        self.topics = topics
        self.escalations = escalations
    }
}

/// Whom one run tells, and with which secrets.
public struct NoticeBook: Sendable {
    /// In the order of the playbook.
    public let channels: [NoticeChannel]
    /// Channels that steps bring along.
    public let ofSteps: [StepID: NoticeChannel]
    public let grades: NoticeGrades
    /// Plain values and secrets, resolved by who delivers; empty is enough to put notices into the outbox.
    public var values: Values

    public init(
        channels: [NoticeChannel],
        ofSteps: [StepID: NoticeChannel] = [:],
        grades: NoticeGrades = .none,
        values: Values = Values()
    ) {
        self.channels = channels
        self.ofSteps = ofSteps
        self.grades = grades
        self.values = values
    }

    public var isEmpty: Bool { channels.isEmpty && ofSteps.isEmpty }
}
