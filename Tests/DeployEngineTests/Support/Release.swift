import DeployCore

/// A release of green over blue, as the tests want it.
struct Release: Sendable {
    var shares = [100]
    var chosenUsers = false
    var hold = Span.seconds(60)
    var holdback: Int?
    var prepare: [[Step]] = [[Release.step("prepare/1", "deploy")]]
    var migrate: [Step] = [Release.step("migrate/1", "migrate", isCancellable: false)]
    var validate: [[Step]] = [[Release.step("validate/1", "check a"), Release.step("validate/2", "check b")]]
    var approvals = 0
    var wait = Span.zero
    var window: WindowGate?
    var windowTimeout = Span.minutes(24 * 60)
    var retirement: Retirement?
    var drain: DrainPhase?
    var drainsAfterSwitch = false
    var monitor = Span.seconds(90)
    var gradual = [50, 0]
    var then: [Step] = [Release.step("rollback/1", "tidy", onFailure: .proceed)]

    static let blue = EnvironmentName("blue")
    static let green = EnvironmentName("green")
    static let gate = StepID(rawValue: "validate/gate")
    static let window = StepID(rawValue: "validate/window")

    static func step(
        _ id: String,
        _ title: String,
        onFailure: Step.OnFailure = .stop,
        isCancellable: Bool = true,
        deadline: Span = .seconds(60)
    ) -> Step {
        Step(
            id: StepID(rawValue: id),
            title: title,
            onFailure: onFailure,
            isCancellable: isCancellable,
            deadline: deadline
        )
    }

    var plan: Plan {
        var checks = validate
        if approvals > 0 {
            let kind = Step.Kind.approval(people: approvals)
            checks.append([Step(id: Self.gate, title: "approval", kind: kind, deadline: .minutes(30))])
        }
        if wait > .zero {
            let id = StepID(rawValue: "validate/wait")
            checks.append([Step(id: id, title: "wait", kind: .wait(length: wait))])
        }
        if let window {
            let kind = Step.Kind.window(gate: window)
            checks.append([Step(id: Self.window, title: "window", kind: kind, deadline: windowTimeout)])
        }
        let inspect = Step(
            id: StepID(rawValue: "preflight/1"),
            title: "inspect",
            kind: .inspectBalancers
        )
        let shift = Phase.shift(
            phase: SwitchPhase(
                shares: shares.compactMap { Percent($0) },
                hold: hold,
                chosenUsers: chosenUsers,
                holdback: holdback.flatMap { Percent($0) }
            )
        )
        let draining = drain.map { [Phase.drain(phase: $0)] } ?? []
        return Plan(
            service: "mina",
            version: Version(rawValue: "v2") ?? { preconditionFailure("a version") }(),
            stable: Self.blue,
            candidate: Self.green,
            phases: [
                .steps(phase: StepsPhase(.preflight, groups: [[inspect]])),
                .steps(phase: StepsPhase(.prepare, groups: prepare)),
                .steps(phase: StepsPhase(.migrate, groups: [migrate])),
                .steps(phase: StepsPhase(.validate, groups: checks)),
            ] + (drainsAfterSwitch ? [shift] + draining : draining + [shift])
                + [.monitor(phase: MonitorPhase(length: monitor))],
            rollback: RollbackPlan(
                gradual: gradual.compactMap { Percent($0) },
                hold: .seconds(30),
                steps: then
            ),
            retirement: retirement
        )
    }
}

extension Plan {
    var actions: [Step] {
        var steps: [Step] = []
        for phase in phases {
            switch phase {
            case .steps(let phase): steps += phase.groups.joined()
            case .drain(let phase): steps += phase.request.map { [$0] } ?? []
            case .shift, .monitor: continue
            }
        }
        return (steps + rollback.steps + (retirement?.steps ?? [])).filter { $0.kind == .action }
    }
}
