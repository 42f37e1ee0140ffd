/// What one run will do, frozen when the run starts.
///
/// A resumed run reads its plan from the journal, never from the playbook file, so editing a playbook cannot
/// change a deployment that is under way. The core knows steps by name only: what a step does is in the
/// playbook text that the journal keeps under ``playbookDigest``.
public struct Plan: Hashable, Codable, Sendable {
    public let service: String
    public let version: Version
    /// The version that the stable environment runs, where it is known.
    public let previousVersion: Version?
    public let stable: EnvironmentName
    public let candidate: EnvironmentName
    /// In the order in which they run.
    public let phases: [Phase]
    public let rollback: RollbackPlan
    public let followUps: [FollowUp]
    /// SHA-256, in hexadecimal, of the playbook that this plan was made from.
    public let playbookDigest: String
    /// The highest epoch that any balancer had seen when the run began; `nil` where nobody looked.
    ///
    /// A higher one later says that traffic was put back in an emergency.
    public var epoch: Int?
    /// Who started the run; `nil` in plans of older versions.
    public var startedBy: Actor?
    /// Why, for people; `nil` when nobody said.
    public var reason: String?
    /// What mends the database should the stable version not bear the migration; declares that it may not.
    ///
    /// `nil` when it is to bear it, and in plans of older versions.
    public let forwardFix: String?
    /// When the stable environment is taken out of service by itself; `nil` where only a person does that, and in
    /// plans of older versions.
    public let retirement: Retirement?
    /// Who let this run go through closed windows; `nil` when nobody did.
    public var windowOverride: WindowOverride?
    /// What the run does instead of a release; `nil` for a release, and in plans of older versions.
    public var runbook: RunbookPart?

    public init(
        service: String,
        version: Version,
        previousVersion: Version? = nil,
        stable: EnvironmentName,
        candidate: EnvironmentName,
        phases: [Phase],
        rollback: RollbackPlan = RollbackPlan(),
        followUps: [FollowUp] = [],
        playbookDigest: String = "",
        forwardFix: String? = nil,
        retirement: Retirement? = nil,
        runbook: RunbookPart? = nil
    ) {
        self.service = service
        self.version = version
        self.previousVersion = previousVersion
        self.stable = stable
        self.candidate = candidate
        self.phases = phases
        self.rollback = rollback
        self.followUps = followUps
        self.playbookDigest = playbookDigest
        self.forwardFix = forwardFix
        self.retirement = retirement
        self.runbook = runbook
    }

    /// What stays on the stable environment until monitor has passed; `nil` for nothing.
    public var holdback: Percent? {
        for case .shift(let phase) in phases { return phase.holdback }
        return nil
    }

    /// The split in which the candidate has `exposure`.
    public func split(candidate exposure: Exposure) -> Split {
        Split(
            candidate,
            exposure.share,
            other: stable,
            chosen: exposure.hasChosenUsers ? candidate : nil
        )
    }
}

/// The names of the phases, in the order in which a run goes through them unless the playbook says otherwise.
public enum PhaseName: String, Hashable, Codable, Sendable, CaseIterable, CustomStringConvertible {
    case preflight, prepare, migrate
    case warmUp = "warm_up"
    case validate, drain
    case shift = "switch"
    case monitor, rollback, afterwards
    /// Those of a runbook.
    case look, act, verify

    public var description: String { rawValue }
    /// Whether it is of a runbook, and so has neither a candidate nor a stable environment.
    public var isOfRunbook: Bool { self == .act || isOfChecks }
    /// Whether its steps only look, each for itself.
    public var isOfChecks: Bool { self == .look || self == .verify }
}

/// One phase of a plan.
///
/// A file per kind under `Phases/` holds its logic.
public enum Phase: Hashable, Codable, Sendable {
    case steps(phase: StepsPhase)
    case drain(phase: DrainPhase)
    case shift(phase: SwitchPhase)
    case monitor(phase: MonitorPhase)

    public var name: PhaseName {
        switch self {
        case .steps(let phase): phase.name
        case .drain: .drain
        case .shift: .shift
        case .monitor: .monitor
        }
    }
}

/// One action of a phase as the core sees it: a name, and what its outcomes mean.
public struct Step: Hashable, Codable, Sendable {
    public enum Kind: Hashable, Codable, Sendable {
        /// Carried out by a driver.
        case action
        /// Waits until `people` different persons have approved.
        ///
        /// With four eyes who started the run is none of them; `nil` for without, and in plans of older versions.
        case approval(people: Int, fourEyes: Bool? = nil)
        /// Waits.
        case wait(length: Span)
        /// Lets the run pass while it is open.
        case window(gate: WindowGate)
        /// Asks every balancer whether the stable environment has neither traffic nor connections, so that it may
        /// be taken out of service.
        case retire
        /// Asks every balancer whether it can be changed at all: running, its configuration accepted, allowed.
        case inspectBalancers
    }

    public enum OnFailure: String, Hashable, Codable, Sendable {
        case stop
        case proceed = "continue"
    }

    public let id: StepID
    /// One line for a person.
    public let title: String
    public let kind: Kind
    public let onFailure: OnFailure
    /// Runs even if an earlier step of its phase failed: clean-up.
    public let isAlways: Bool
    /// Whether it may be told to stop.
    ///
    /// A migration that is under way may not: it is waited for.
    public let isCancellable: Bool
    /// The engine ends the step when this is over.
    public let deadline: Span

    public init(
        id: StepID,
        title: String,
        kind: Kind = .action,
        onFailure: OnFailure = .stop,
        isAlways: Bool = false,
        isCancellable: Bool = true,
        deadline: Span = .seconds(60)
    ) {
        self.id = id
        self.title = title
        self.kind = kind
        self.onFailure = onFailure
        self.isAlways = isAlways
        self.isCancellable = isCancellable
        self.deadline = deadline
    }
}

/// Steps in groups: the groups one after the other, the steps of a group side by side.
public struct StepsPhase: Hashable, Codable, Sendable {
    public let name: PhaseName
    public let groups: [[Step]]

    public init(_ name: PhaseName, groups: [[Step]]) {
        self.name = name
        self.groups = groups
    }
}

/// Lets the stable environment finish what it has begun.
public struct DrainPhase: Hashable, Codable, Sendable {
    /// Tells the application to drain; may be absent.
    public let request: Step?
    public let grace: Span
    /// What happens when connections are left after the grace.
    public let whenNotEmpty: Step.OnFailure
    /// Whether the balancers close what is left after the grace; `nil` in plans of older versions.
    public let closesRest: Bool?

    public init(
        request: Step? = nil,
        grace: Span = .seconds(30),
        whenNotEmpty: Step.OnFailure = .proceed,
        closesRest: Bool = false
    ) {
        self.request = request
        self.grace = grace
        self.whenNotEmpty = whenNotEmpty
        self.closesRest = closesRest ? true : nil
    }
}

/// Moves the traffic: at once (one step of 100 %) or as a canary.
public struct SwitchPhase: Hashable, Codable, Sendable {
    /// The candidate's shares, rising, the last one 100 %.
    ///
    /// Never empty. With chosen users the first may be 0: nobody else.
    public let shares: [Percent]
    /// How long each share but the last is watched before the next.
    public let hold: Span
    /// Whether the chosen users go to the candidate with the first share; `nil` in plans of older versions.
    public let chosenUsers: Bool?
    /// What stays on the stable environment until monitor has passed, as the control of the same moment.
    ///
    /// `nil` for nothing.
    public let holdback: Percent?

    /// - Precondition: `shares` rises from above 0, or from 0 with chosen users, and ends with 100 %;
    ///   `holdback` leaves the last share above the one before.
    public init(
        shares: [Percent],
        hold: Span = .zero,
        chosenUsers: Bool = false,
        holdback: Percent? = nil
    ) {
        precondition(shares.last == .full && zip(shares, shares.dropFirst()).allSatisfy { $0 < $1 })
        precondition(chosenUsers || shares.first != .zero)
        let highest = shares.dropLast().last ?? .zero
        precondition(holdback.map { highest < $0.rest && $0 > .zero } ?? true)
        self.holdback = holdback
        self.shares = shares
        self.hold = hold
        self.chosenUsers = chosenUsers ? true : nil
    }

    /// What the candidate has at each step; the last is watched through monitor.
    public var exposures: [Exposure] {
        let highest = holdback?.rest ?? .full
        return shares.map { Exposure(min($0, highest), chosenUsers: chosenUsers == true) }
    }

    /// ``exposures``, and behind them everything: where a person goes who wants no holdback either.
    func exposure(at step: Int) -> Exposure { step < shares.count ? exposures[step] : .full }

    public static let instant = SwitchPhase(shares: [.full])
}

/// Watches after the switch; ends the run's forward part.
public struct MonitorPhase: Hashable, Codable, Sendable {
    public let length: Span

    public init(length: Span = .minutes(15)) { self.length = length }
}

/// The way back.
public struct RollbackPlan: Hashable, Codable, Sendable {
    /// The candidate's shares on a gradual rollback, falling, the last one 0.
    public let gradual: [Percent]
    /// How long each share of a gradual rollback but the last is kept.
    public let hold: Span
    /// What is done once the traffic is back.
    public let steps: [Step]

    /// - Precondition: `gradual` falls and ends with 0.
    public init(gradual: [Percent] = [.zero], hold: Span = .minutes(2), steps: [Step] = []) {
        precondition(gradual.last == .zero && zip(gradual, gradual.dropFirst()).allSatisfy { $0 > $1 })
        self.gradual = gradual
        self.hold = hold
        self.steps = steps
    }
}

/// What is done some time after a run has succeeded, in the order of `after`.
public struct FollowUp: Hashable, Codable, Sendable {
    /// Counted from the end of monitor.
    public let after: Span
    public let step: Step

    public init(after: Span, step: Step) {
        self.after = after
        self.step = step
    }
}

/// How the stable environment, once it is no longer live, is taken out of service.
public struct Retirement: Hashable, Codable, Sendable {
    /// Until then users can be put back to it; counted from the end of monitor.
    public let after: Span
    /// What is done once nobody uses it and it counts as out of service.
    public let steps: [Step]

    public init(after: Span = defaultTime, steps: [Step] = []) {
        self.after = after
        self.steps = steps
    }

    public static let defaultTime = Span.minutes(7 * 24 * 60)

    /// Comes before ``steps``, which are not begun when it fails.
    public static let check = Step(
        id: StepID(rawValue: "afterwards/retire"),
        title: "retire the environment that is no longer live",
        kind: .retire
    )
}
