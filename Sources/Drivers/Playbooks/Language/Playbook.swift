package import DeployCore
package import DeployPorts
package import TrafficJudgement

/// How one service is released: a playbook file, decoded and free of mistakes.
package struct Playbook: Sendable {
    package let service: String
    package let publicURL: String?
    /// Exactly two, in the order of the file.
    package let environments: [EnvironmentSpec]
    package let balancers: [ConfiguredBalancer]
    package var strategy: Strategy
    /// By what a user stays on the side that was given to him; `nil` when every request is for itself.
    package let sticky: UserKey?
    /// How grave errors and slowness are, the gravest first.
    package let severities: [Severity]
    /// How long each way back may take, from the decision until the balancers confirm it.
    package let promises: [WayBack: Span]
    /// Whom a run tells.
    package let notify: [NoticeChannel]
    /// What becomes of a run when a balancer cannot be reached.
    package let unreachable: UnreachablePolicy
    /// The steps of `preflight`, `prepare`, `migrate`, `warm_up` and `validate`; absent phases have none.
    package let steps: [PhaseName: [PlaybookStep]]
    /// What mends the database should the stable version not bear the migration; declares that it may not.
    package let forwardFix: String?
    /// What `validate` does when the playbook has none: its checks by the environment that is the candidate.
    package let defaultChecks: [EnvironmentName: [PlaybookStep]]
    /// `nil` when there is nothing to drain.
    package let drain: DrainSettings?
    package let monitor: MonitorSettings
    package let rollback: RollbackSettings
    package let afterwards: AfterwardsSettings
    /// Whether `order` moved `drain` behind `switch`.
    package let drainsAfterSwitch: Bool
    /// A regular expression that narrows ``Version/pattern``.
    package let versionPattern: String?
    package let secrets: [SecretSpec]
    /// Everything that the playbook's texts refer to, in the order of their places.
    package let references: [Reference]

    /// The file as it was read, for the journal.
    package let text: String
    /// SHA-256 of `text`, hexadecimal.
    package let digest: String
    package let path: String
    /// Relative paths in the playbook start here.
    package let folder: String
    /// What it does instead of releasing the service; `nil` for a playbook.
    package var runbook: Runbook? = nil

    /// How the traffic goes over to the candidate.
    package struct Strategy: Hashable, Sendable {
        /// The candidate's shares, rising, the last one 100 %; the first is 0 when chosen users go before all others.
        package let shares: [Percent]
        /// How long each share but the last is watched.
        package let hold: Span
        /// Whether a hold may end before its time when the evidence is in.
        package let endsEarly: Bool
        /// Whether a hold that ends without evidence that the candidate is good waits for a person.
        package let requiresEvidence: Bool
        /// Whether the playbook's chosen users go to the candidate with the first share.
        package let hasChosenUsers: Bool
        /// What stays on the stable environment until monitor has passed; `nil` for nothing.
        package let holdback: Percent?

        package init(
            shares: [Percent],
            hold: Span,
            endsEarly: Bool,
            requiresEvidence: Bool = false,
            hasChosenUsers: Bool = false,
            holdback: Percent? = nil
        ) {
            self.shares = shares
            self.hold = hold
            self.endsEarly = endsEarly
            self.requiresEvidence = requiresEvidence
            self.hasChosenUsers = hasChosenUsers
            self.holdback = holdback
        }

        package static let instant = Strategy(shares: [.full], hold: .zero, endsEarly: false)

        /// What stays behind where the playbook does not say: 5 %, unless the steps before leave no room for it.
        package static func defaultHoldback(of shares: [Percent]) -> Percent? {
            guard shares.count > 1, let share = Percent(5), shares[shares.count - 2] < share.rest else {
                return nil
            }
            return share
        }
    }

    /// How users are put back, by the way that they came: at once, from a canary or from a test with chosen users;
    /// or step by step from any.
    package enum WayBack: String, CaseIterable, Sendable {
        case instant, canary, ab, gradual
    }

    package struct DrainSettings: Sendable {
        /// Tells the application; may be absent.
        package let request: PlaybookStep?
        package let grace: Span
        /// Where the stable environment tells its connections; `nil` when the balancers count them.
        package let connections: GaugeSpec?
        package let whenNotEmpty: Step.OnFailure
        /// Whether the balancers close what is left after the grace.
        package let closesRest: Bool
    }

    package struct MonitorSettings: Sendable {
        package let length: Span
        /// Requests of bgdeploy's own; `nil` for none.
        package let probes: ProbeSettings?
        /// How the candidate is judged beside the limits of ``rules``.
        package let settings: JudgeSettings
        /// What is judged in every watch: the defaults, and what the playbook adds or replaces.
        package let rules: [MetricRule]
        /// The rules' numbers that are read from the candidate.
        package let gauges: [GaugeSpec]
    }

    package struct ProbeSettings: Hashable, Sendable {
        /// At the public address; begins with `/`.
        package let path: String
        package let every: Span
    }

    package struct RollbackSettings: Sendable {
        /// The candidate's shares on a gradual rollback, falling, the last one 0.
        package let gradual: [Percent]
        package let hold: Span
        package let steps: [PlaybookStep]
    }

    package struct AfterwardsSettings: Sendable {
        package var followUps: [FollowUpSettings] = []
        /// When the environment that is no longer live goes out of service by itself; `nil` for never.
        package var retirement: FollowUpSettings?

        var steps: [PlaybookStep] { (followUps + [retirement].compactMap(\.self)).flatMap(\.steps) }
    }

    package struct FollowUpSettings: Sendable {
        /// Counted from the end of monitor.
        package let after: Span
        package let steps: [PlaybookStep]
    }
}

/// One step of a playbook, decoded.
package struct PlaybookStep: Sendable {
    package enum Work: Sendable {
        case action(any StepAction)
        case approval(people: Int, fourEyes: Bool)
        case wait(Span)
        case window(WindowSettings)
    }

    /// One line for a person.
    package let title: String
    package let work: Work
    package let deadline: Span
    package let onFailure: Step.OnFailure
    package let isAlways: Bool
    /// `nil` for a step that waits.
    package let policy: StepPolicy?
    /// What it takes from its answers, by the names that others refer to it.
    package let captures: [String]
    package let position: Position

    /// The same with another action.
    func with(_ action: any StepAction) -> PlaybookStep {
        PlaybookStep(
            title: title,
            work: .action(action),
            deadline: deadline,
            onFailure: onFailure,
            isAlways: isAlways,
            policy: policy,
            captures: captures,
            position: position
        )
    }

    /// Whether it may run beside its neighbours: it only looks, and neither gives nor takes a captured value.
    var isIndependent: Bool {
        guard case .action(let action) = work, action.isReadOnly, captures.isEmpty, !isAlways else {
            return false
        }
        let all = action.references + (policy?.condition?.references ?? [])
        return !all.contains { $0.name.hasPrefix("steps.") }
    }
}

/// When a run may go on.
package struct WindowSettings: Sendable {
    package let window: DeployWindow
    /// By whose clocks: `America/New_York`.
    package let zone: String
    /// Knows ``zone``.
    package let zones: any Zones
    package let stopsWhenClosed: Bool
    /// How long a run waits for it to open.
    package let patience: Span

    package var title: String { "window: \(window) (\(zone))" }
}

extension Playbook {
    /// The windows of all its phases, in their order.
    package var windows: [WindowSettings] {
        PhaseName.allCases.flatMap { steps[$0] ?? [] }.compactMap { step in
            if case .window(let settings) = step.work { settings } else { nil }
        }
    }
}

/// Where a secret's value comes from; the value itself is never kept with the playbook.
package struct SecretSpec: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        /// The environment variable of the same name.
        case environment
        /// A file; a relative path starts at the playbook's folder.
        case file(String)
        /// An argument list; its output is the value.
        case command([String])
    }

    package let name: String
    package let source: Source
    package let position: Position
}
