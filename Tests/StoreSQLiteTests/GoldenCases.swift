import DeployCore
import DeployPorts

/// The names of all cases of the enums that entries hold, and those that one entry uses.
///
/// The compiler refuses a new case that no switch here knows; its name then goes into ``all``, and a recorded
/// entry that uses it into `Golden`.
enum GoldenCases {
    static let all: Set<String> = [
        "event started", "event resumed", "event succeeded", "event failed", "event judged",
        "event commanded", "event noted",
        "traffic unchanged", "traffic unknown",
        "verdict passed", "verdict rollBack", "verdict rollBackGradually", "verdict inconclusive",
        "command approve", "command pause", "command proceed", "command promote", "command abort",
        "command rollback", "command retire",
        "effect step", "effect approval", "effect wait", "effect window", "effect route", "effect watch",
        "effect drain", "effect cancelled",
        "purpose hold", "purpose pause", "purpose monitor", "purpose rollback",
        "phase steps", "phase drain", "phase shift", "phase monitor",
        "name preflight", "name prepare", "name migrate", "name warm_up", "name validate", "name rollback",
        "name afterwards", "name look", "name act", "name verify",
        "step action", "step approval", "step wait", "step window", "step inspectBalancers", "step retire",
        "plan retirement", "plan window override", "plan runbook", "plan incident",
        "failure stop", "failure continue",
    ]

    static func used(by entry: JournalEntry) -> Set<String> {
        var names = used(by: entry.event.kind)
        for pending in entry.effects {
            names.formUnion(used(by: pending.effect))
            if pending.isCancelled { names.insert("effect cancelled") }
        }
        return names
    }

    private static func used(by kind: RunEvent.Kind) -> Set<String> {
        switch kind {
        case .started(let plan): used(by: plan).union(["event started"])
        case .resumed: ["event resumed"]
        case .succeeded: ["event succeeded"]
        case .failed(_, _, let traffic): ["event failed", name(of: traffic)]
        case .judged(_, let verdict): ["event judged", name(of: verdict)]
        case .commanded(let command, _, _): ["event commanded", "command \(name(of: command))"]
        case .noted: ["event noted"]
        }
    }

    private static func name(of traffic: TrafficKnowledge) -> String {
        switch traffic {
        case .unchanged: "traffic unchanged"
        case .unknown: "traffic unknown"
        }
    }

    private static func name(of verdict: Verdict) -> String {
        switch verdict {
        case .passed: "verdict passed"
        case .rollBack: "verdict rollBack"
        case .rollBackGradually: "verdict rollBackGradually"
        case .inconclusive: "verdict inconclusive"
        }
    }

    static func name(of command: Command) -> String {
        switch command {
        case .approve: "approve"
        case .pause: "pause"
        case .proceed: "proceed"
        case .promote: "promote"
        case .abort: "abort"
        case .rollback: "rollback"
        case .retire: "retire"
        }
    }

    private static func used(by effect: Effect) -> Set<String> {
        switch effect {
        case .step(let step): used(by: step).union(["effect step"])
        case .approval(let step, _, _): used(by: step).union(["effect approval"])
        case .wait: ["effect wait"]
        case .window(let step, _, _): used(by: step).union(["effect window"])
        case .route: ["effect route"]
        case .watch(let watch): ["effect watch", name(of: watch.purpose)]
        case .drain: ["effect drain"]
        }
    }

    private static func name(of purpose: Watch.Purpose) -> String {
        switch purpose {
        case .hold: "purpose hold"
        case .pause: "purpose pause"
        case .monitor: "purpose monitor"
        case .rollback: "purpose rollback"
        }
    }

    private static func used(by plan: Plan) -> Set<String> {
        var names: Set<String> = []
        for phase in plan.phases { names.formUnion(used(by: phase)) }
        let others = plan.rollback.steps + plan.followUps.map(\.step)
        for step in others + (plan.retirement?.steps ?? []) { names.formUnion(used(by: step)) }
        if plan.retirement != nil { names.insert("plan retirement") }
        if plan.windowOverride != nil { names.insert("plan window override") }
        if let runbook = plan.runbook {
            names.insert("plan runbook")
            if runbook.incident != nil { names.insert("plan incident") }
        }
        return names
    }

    private static func used(by phase: Phase) -> Set<String> {
        switch phase {
        case .steps(let phase):
            phase.groups.joined().reduce(into: ["phase steps", name(of: phase.name)]) {
                $0.formUnion(used(by: $1))
            }
        case .drain(let phase):
            (phase.request.map(used(by:)) ?? []).union(["phase drain", name(of: phase.whenNotEmpty)])
        case .shift: ["phase shift"]
        case .monitor: ["phase monitor"]
        }
    }

    /// Of a phase that is made of steps.
    private static func name(of phase: PhaseName) -> String {
        switch phase {
        case .preflight: "name preflight"
        case .prepare: "name prepare"
        case .migrate: "name migrate"
        case .warmUp: "name warm_up"
        case .validate: "name validate"
        case .rollback: "name rollback"
        case .afterwards: "name afterwards"
        case .look: "name look"
        case .act: "name act"
        case .verify: "name verify"
        case .drain, .shift, .monitor: "phase \(phase)"
        }
    }

    private static func used(by step: Step) -> Set<String> {
        let kind =
            switch step.kind {
            case .action: "step action"
            case .approval: "step approval"
            case .wait: "step wait"
            case .window: "step window"
            case .retire: "step retire"
            case .inspectBalancers: "step inspectBalancers"
            }
        return [kind, name(of: step.onFailure)]
    }

    private static func name(of failure: Step.OnFailure) -> String {
        switch failure {
        case .stop: "failure stop"
        case .proceed: "failure continue"
        }
    }
}
