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
    /// A runbook found trouble that was not known, or graver trouble.
    public static let incident = NoticeTopic("incident")
    /// A runbook found the trouble gone.
    public static let resolved = NoticeTopic("resolved")
    /// What a playbook's step tells.
    public static let message = NoticeTopic("message")

    public static func severity(_ name: String) -> NoticeTopic { NoticeTopic("severity:\(name)") }

    /// Those that every playbook may name; `severity:NAME` comes beside them.
    public static let named: [NoticeTopic] = [
        .started, .waiting, .switched, .succeeded, .failed, .rolledBack, .rollbackFailed,
    ]

    /// Those that a runbook may name; `severity:P0` to `severity:P3` come beside them.
    public static let ofRunbooks: [NoticeTopic] = [
        .incident, .resolved, .started, .waiting, .succeeded, .failed,
    ]

    /// The name of an error rate or of an incident's severity; `nil` for another topic.
    public var severity: String? {
        let prefix = "severity:"
        return rawValue.hasPrefix(prefix) ? String(rawValue.dropFirst(prefix.count)) : nil
    }

    /// Whether somebody should do something, so that silence is a reason to tell the next person.
    public var isAlarm: Bool {
        [.waiting, .rollbackFailed, .incident].contains(self) || severity != nil
    }

    /// Whether the run, or the incident, is over with it.
    public var isEnding: Bool {
        [.succeeded, .failed, .rolledBack, .rollbackFailed, .resolved].contains(self)
    }

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
    /// What the run belongs to; `nil` for a release, and in notices of older versions.
    public let runbook: Matter?

    /// A runbook, and the incident that is told of.
    public struct Matter: Hashable, Codable, Sendable {
        public let service: String
        public let runbook: String
        public let action: String?
        /// The run that found it first; `nil` where none is told of.
        ///
        /// One name for it through all the runs that tell of it.
        public let incident: RunID?
        public let severity: IncidentSeverity?
    }

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
        rank: Int? = nil,
        incident: Incident? = nil
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
        runbook = plan.runbook.map { part in
            Matter(
                service: part.service,
                runbook: part.name,
                action: part.action,
                incident: incident?.run,
                severity: incident?.severity
            )
        }
    }

    /// What it is about through all that is told of it: its run, or the run that found the incident.
    public var subject: RunID { runbook?.incident ?? run }

    /// The split where the run is one that moves traffic.
    public var movedSplit: Split? { runbook == nil ? split : nil }

    /// The same matter, as a later entry of the journal comes back to it.
    public func moved(to sequence: Int, at time: Timestamp) -> Notice {
        var notice = self
        notice.sequence = sequence
        notice.at = time
        return notice
    }
}
