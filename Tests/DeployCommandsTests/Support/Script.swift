import DeployCore
import DeployEngine
import DeployPorts

/// A run written by hand: each thing that happens goes through the reducer and is told to `observers`, as the
/// engine would.
struct Script {
    static let begin = Timestamp(milliseconds: 1_795_000_000_000)
    static let run = RunID(at: begin, random: (1, 2))

    private(set) var state: RunState
    private(set) var now = Script.begin
    private(set) var entries: [JournalEntry] = []
    private let observers: [any RunObserver]

    init(_ plan: Plan = Script.canary(), to observers: any RunObserver...) {
        state = RunState(plan: plan)
        self.observers = observers
    }

    mutating func pass(_ span: Span) { now = now.advanced(by: span) }

    mutating func start() { happen(.started(plan: state.plan)) }

    mutating func happen(_ kind: RunEvent.Kind) {
        let event = RunEvent(at: now, kind)
        let transition = Reducer.step(state, event)
        let entry = JournalEntry(
            run: Self.run,
            sequence: entries.count + 1,
            event: event,
            effects: transition.effects,
            fence: 7,
            hash: ""
        )
        let before = entries.isEmpty ? nil : state
        entries.append(entry)
        state = transition.state
        for observer in observers { observer.recorded(entry, before: before, after: state) }
    }

    /// The oldest effect that is under way succeeds.
    mutating func succeed(_ summary: String? = nil, after span: Span = .seconds(1)) {
        pass(span)
        guard let id = state.pending.first?.id else { return }
        happen(.succeeded(effect: id, captures: [:], summary: summary))
    }

    mutating func fail(
        _ reason: String,
        _ traffic: TrafficKnowledge = .unchanged,
        after span: Span = .seconds(1)
    ) {
        pass(span)
        guard let id = state.pending.first?.id else { return }
        happen(.failed(effect: id, reason: reason, traffic: traffic))
    }

    mutating func judge(_ verdict: Verdict, after span: Span) {
        pass(span)
        guard let id = state.pending.first?.id else { return }
        happen(.judged(effect: id, verdict: verdict))
    }

    mutating func command(_ command: Command, by actor: String = "ana@ci-7", _ reason: String? = nil) {
        happen(.commanded(command: command, by: Actor(actor), reason: reason))
    }

    /// Everything until the canary's first share is held.
    mutating func goToFirstHold() {
        goToGate()
        pass(.seconds(20))
        command(.approve)
        succeed("blue 90 %, green 10 %, verified in 12 ms")
    }

    /// Everything until the gate in validate.
    mutating func goToGate() {
        start()
        succeed("blue 100 %, green 0 %")
        succeed("12 GB free")
        succeed(after: .seconds(14))
        succeed("200 in 12 ms")
        succeed("31 tests passed", after: .seconds(42))
    }
}

extension Script {
    static func canary(
        stable: String = "blue",
        candidate: String = "green",
        phases: [Phase] = Script.phases,
        rollback: RollbackPlan = Script.rollback,
        followUps: [FollowUp] = []
    ) -> Plan {
        Plan(
            service: "mina",
            version: Version(rawValue: "v2.5.0") ?? unreachable,
            previousVersion: Version(rawValue: "v2.4.1"),
            stable: EnvironmentName(stable),
            candidate: EnvironmentName(candidate),
            phases: phases,
            rollback: rollback,
            followUps: followUps
        )
    }

    static let phases: [Phase] = [
        .steps(
            phase: StepsPhase(
                .preflight,
                groups: [
                    [step("preflight/1", "balancers can be changed", .inspectBalancers)],
                    [step("preflight/2", "disk has room")],
                ]
            )
        ),
        .steps(phase: StepsPhase(.prepare, groups: [[step("prepare/1", "install v2.5.0 on green")]])),
        .steps(
            phase: StepsPhase(
                .validate,
                groups: [
                    [step("validate/1", "GET /healthz")], [step("validate/2", "smoke tests")],
                    [step("validate/3", "release manager", .approval(people: 1))],
                ]
            )
        ),
        .shift(phase: SwitchPhase(shares: [percent(10), percent(50), .full], hold: .minutes(5))),
        .drain(phase: DrainPhase(grace: .seconds(30))),
        .monitor(phase: MonitorPhase(length: .minutes(15))),
    ]

    static let rollback = RollbackPlan(steps: [step("rollback/1", "tell the channel")])

    static func step(_ id: String, _ title: String, _ kind: Step.Kind = .action) -> Step {
        Step(
            id: StepID(rawValue: id),
            title: title,
            kind: kind,
            deadline: kind == .approval(people: 1) ? .minutes(60) : .seconds(60)
        )
    }

    static func percent(_ whole: Int) -> Percent { Percent(whole) ?? .zero }

    private static var unreachable: Version { preconditionFailure("not a version") }
}
