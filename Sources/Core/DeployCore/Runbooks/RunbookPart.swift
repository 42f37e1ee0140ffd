/// What a run does that releases nothing: it looks into trouble, or carries out one action of a runbook.
///
/// Frozen into the run's plan, so that its journal alone tells what was found.
public struct RunbookPart: Hashable, Codable, Sendable {
    public let name: String
    /// One line for a person.
    public let title: String
    /// The service that the runbook belongs to; the run is kept under ``ledger(of:service:)``.
    public let service: String
    /// The action's name; `nil` for a look.
    public let action: String?
    /// Those of the look or, for an action, of its verification.
    public let checks: [RunbookCheck]
    /// The incident that was open when the run began.
    public var incident: Incident?
    /// The runbook's file, absolute; `nil` where nobody said.
    public var path: String?

    public init(name: String, title: String, service: String, action: String? = nil, checks: [RunbookCheck]) {
        self.name = name
        self.title = title
        self.service = service
        self.action = action
        self.checks = checks
    }

    /// What a look is called where a release has its version.
    public static let look = "look"

    /// The two environments of a run that moves no traffic; nobody is shown them.
    public static let environments = (
        stable: EnvironmentName("no-traffic"), candidate: EnvironmentName("moved")
    )

    /// The name under which a runbook's runs and their lease are kept: `mina:database-connections`.
    ///
    /// No service is called so, since a service's name has no colon.
    public static func ledger(of name: String, service: String) -> String { "\(service):\(name)" }

    /// The service of a ledger: `mina` of `mina:database-connections`, and of `mina`.
    public static func service(ofLedger ledger: String) -> String {
        ledger.utf8.firstIndex(of: UInt8(ascii: ":")).map { String(ledger[..<$0]) } ?? ledger
    }

    func check(_ step: StepID) -> RunbookCheck? { checks.first { $0.step == step } }
}

/// One check of a runbook, and what its failure means.
public struct RunbookCheck: Hashable, Codable, Sendable {
    public let step: StepID
    public let title: String
    /// `nil` for none, and where the figure that is read says how grave it is.
    public let severity: IncidentSeverity?
    /// What a person should think of.
    public let hint: String?
    /// Names of actions that may help.
    public let suggests: [String]

    public init(
        step: StepID,
        title: String,
        severity: IncidentSeverity? = nil,
        hint: String? = nil,
        suggests: [String] = []
    ) {
        self.step = step
        self.title = title
        self.severity = severity
        self.hint = hint
        self.suggests = suggests
    }
}

/// How grave trouble is; P0 is the gravest.
public enum IncidentSeverity: String, Hashable, Codable, Sendable, CaseIterable, Comparable,
    CustomStringConvertible
{
    case p0 = "P0"
    case p1 = "P1"
    case p2 = "P2"
    case p3 = "P3"

    public var description: String { rawValue }
    /// From 0, the gravest first.
    public var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    /// The graver one is less.
    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// Trouble that a look has found and that no later look or verification has found gone.
public struct Incident: Hashable, Codable, Sendable {
    /// The run that found it first.
    public let run: RunID
    public let since: Timestamp
    /// The gravest so far; `nil` when no failed check had one.
    public let severity: IncidentSeverity?

    public init(run: RunID, since: Timestamp, severity: IncidentSeverity?) {
        self.run = run
        self.since = since
        self.severity = severity
    }
}
