/// A matter that a run tells people of: `switched`, `severity:P1`.
public struct NoticeTopic: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    private init(_ text: String) { rawValue = text }

    public static let started = NoticeTopic("started")
    /// The run needs a person: an approval, or a decision after a pause.
    public static let waiting = NoticeTopic("waiting")
    /// The candidate has all the traffic that the switch gives it.
    public static let switched = NoticeTopic("switched")
    public static let succeeded = NoticeTopic("succeeded")
    /// The run ended before any traffic moved.
    public static let failed = NoticeTopic("failed")
    public static let rolledBack = NoticeTopic("rolled_back")
    public static let rollbackFailed = NoticeTopic("rollback_failed")
    /// What a playbook's step tells.
    public static let message = NoticeTopic("message")

    public static func severity(_ name: String) -> NoticeTopic { NoticeTopic("severity:\(name)") }

    /// Those that every playbook may name; `severity:NAME` comes beside them.
    public static let named: [NoticeTopic] = [
        .started, .waiting, .switched, .succeeded, .failed, .rolledBack, .rollbackFailed,
    ]

    /// The name of an error rate; `nil` for another topic.
    public var severity: String? {
        let prefix = "severity:"
        return rawValue.hasPrefix(prefix) ? String(rawValue.dropFirst(prefix.count)) : nil
    }

    /// Whether somebody should do something, so that silence is a reason to tell the next person.
    public var isAlarm: Bool { self == .waiting || self == .rollbackFailed || severity != nil }

    /// Whether the run is over with it.
    public var isEnding: Bool { [.succeeded, .failed, .rolledBack, .rollbackFailed].contains(self) }

    public var description: String { rawValue }
}

/// One thing that a run has to tell, as it is kept until it was told.
///
/// Persisted; holds no secret, since the journal that it is made from holds none.
public struct Notice: Hashable, Codable, Sendable {
    public let run: RunID
    /// Of the journal's entry.
    public private(set) var sequence: Int
    public let topic: NoticeTopic
    public private(set) var at: Timestamp
    public let runStartedAt: Timestamp
    public let service: String
    public let version: Version
    public let previousVersion: Version?
    public let stable: EnvironmentName
    public let candidate: EnvironmentName
    /// As the balancers last confirmed it.
    public let split: Split
    /// One line.
    public let title: String
    /// May have several lines.
    public let detail: String?
    /// The place of a severity among the playbook's, the gravest first, from 0; `nil` for other topics.
    public let rank: Int?

    public init(
        run: RunID,
        sequence: Int,
        topic: NoticeTopic,
        at: Timestamp,
        runStartedAt: Timestamp,
        plan: Plan,
        split: Split,
        title: String,
        detail: String? = nil,
        rank: Int? = nil
    ) {
        self.run = run
        self.sequence = sequence
        self.topic = topic
        self.at = at
        self.runStartedAt = runStartedAt
        service = plan.service
        version = plan.version
        previousVersion = plan.previousVersion
        stable = plan.stable
        candidate = plan.candidate
        self.split = split
        self.title = title
        self.detail = detail
        self.rank = rank
    }

    /// The same matter, as a later entry of the journal comes back to it.
    public func moved(to sequence: Int, at time: Timestamp) -> Notice {
        var notice = self
        notice.sequence = sequence
        notice.at = time
        return notice
    }
}
