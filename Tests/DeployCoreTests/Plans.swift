import DeployCore

/// Plans that the tests explore and tell stories about.
enum Plans {
    static func make(
        checks: Int = 2,
        shares: [Int] = [100],
        chosenUsers: Bool = false,
        holdback: Int? = nil,
        approvals: Int = 1,
        fourEyes: Bool? = nil,
        drainsAfterwards: Bool = false,
        then: [String] = ["tidy"],
        followUps: [String] = [],
        window: WindowGate? = nil,
        retirement: Retirement? = nil
    ) -> Plan {
        let parallel = (0..<checks).map { step(.validate, $0 + 1, "check \($0 + 1)") }
        let gate = Step(
            id: StepID(rawValue: "validate/approval"),
            title: "approval",
            kind: .approval(people: approvals, fourEyes: fourEyes),
            deadline: .minutes(60)
        )
        let shift = Phase.shift(
            phase: SwitchPhase(
                shares: shares.compactMap { Percent($0) },
                hold: .seconds(60),
                chosenUsers: chosenUsers,
                holdback: holdback.flatMap { Percent($0) }
            )
        )
        let drain = Phase.drain(phase: DrainPhase(request: step(.drain, 1, "tell the app to drain")))
        var plan = Plan(
            service: "mina",
            version: version,
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: [
                .steps(phase: StepsPhase(.preflight, groups: [[inspect]] + gates(window))),
                .steps(phase: StepsPhase(.prepare, groups: [[step(.prepare, 1, "deploy"), cleanUp]])),
                .steps(phase: StepsPhase(.migrate, groups: [[migration]])),
                .steps(phase: StepsPhase(.validate, groups: [parallel] + (approvals > 0 ? [[gate]] : []))),
            ] + (drainsAfterwards ? [shift, drain] : [drain, shift])
                + [.monitor(phase: MonitorPhase(length: .minutes(15)))],
            rollback: RollbackPlan(
                gradual: [Percent(25), .zero].compactMap { $0 },
                steps: then.enumerated().map { step(.rollback, $0 + 1, $1) }
            ),
            followUps: followUps.enumerated().map {
                FollowUp(after: .minutes(60), step: step(.afterwards, $0 + 1, $1))
            },
            retirement: retirement
        )
        plan.startedBy = Actor("ana")
        return plan
    }

    private static func gates(_ window: WindowGate?) -> [[Step]] {
        guard let window else { return [] }
        let id = StepID(rawValue: "preflight/window")
        return [[Step(id: id, title: "window", kind: .window(gate: window), deadline: .minutes(60))]]
    }

    /// Takes the stable environment out of service after two hours.
    static let retirement = Retirement(
        after: .minutes(120),
        steps: [step(.afterwards, 11, "stop the old one"), step(.afterwards, 12, "tell everybody")]
    )

    static let version = Version(rawValue: "v2.5.0") ?? { preconditionFailure("a valid version") }()

    private static let inspect = Step(
        id: StepID(rawValue: "preflight/balancers"),
        title: "inspect the balancers",
        kind: .inspectBalancers
    )

    private static let migration = Step(
        id: StepID(rawValue: "migrate/1"),
        title: "migrate forward",
        isCancellable: false
    )

    private static let cleanUp = Step(
        id: StepID(rawValue: "prepare/2"),
        title: "clean up",
        onFailure: .proceed,
        isAlways: true
    )

    private static func step(_ phase: PhaseName, _ number: Int, _ title: String) -> Step {
        Step(id: StepID(rawValue: "\(phase)/\(number)"), title: title)
    }
}
