@testable import DeployCore
import DeployTestKit
import Testing

/// Every reachable world of a plan, searched with the reducer that ships.
struct ExplorationTests {
    static let plans: [(name: String, plan: Plan)] = [
        ("instant", Plans.make(checks: 4)),
        ("instant, drained afterwards", Plans.make(checks: 1, drainsAfterwards: true, followUps: ["later"])),
        ("canary", Plans.make(checks: 4, shares: [10, 25, 50, 100])),
        ("chosen users, then a canary", Plans.make(checks: 1, shares: [0, 25, 100], chosenUsers: true)),
        ("canary with a holdback", Plans.make(checks: 1, shares: [10, 50, 100], holdback: 5)),
        (
            "chosen users and a holdback",
            Plans.make(checks: 1, shares: [0, 25, 100], chosenUsers: true, holdback: 5)
        ),
        ("a window", Plans.make(checks: 1, window: closed)),
        (
            "retired afterwards",
            Plans.make(checks: 1, followUps: ["later"], retirement: Plans.retirement)
        ),
        ("two approvals", Plans.make(checks: 1, shares: [25, 100], approvals: 2, then: [])),
        ("four eyes", Plans.make(checks: 1, shares: [25, 100], fourEyes: true, then: [])),
    ]

    private static let closed = WindowGate(
        openings: [Opening(from: Timestamp(milliseconds: 60_000), until: Timestamp(milliseconds: 90_000))]
    )

    @Test(arguments: plans.indices)
    func `every promise holds in every world`(index: Int) {
        let (name, plan) = Self.plans[index]
        let report = WorldExplorer.search(plan)
        for finding in report.findings { Issue.record("\(finding.broken)\n\(told(finding.trail))") }
        #expect(!report.isPartial)
        #expect(report.longestReturn < 40)
        print("\(name): \(report.worldCount) worlds, \(report.transitionCount) transitions")
    }

    /// Changes to the reducer or to the world that each break a promise: a search that misses one proves nothing.
    static let mutants: [(name: String, rules: WorldRules, broken: String)] = [
        ("does not wait for a routing in flight when it turns back", .dropping, "may still land"),
        ("takes an unanswered routing for one that moved nothing", .believing, "failed"),
        ("is not fenced", .unfenced, "may still land"),
        ("believes an exit code", .credulous, "two routing effects are under way"),
        ("refuses to abort in a hold", .stubborn, "is refused"),
        ("keeps the holdback for ever", .hoarding, "released, but"),
        ("takes chosen users for nobody", .overlooking, "failed"),
        ("begins the steps in flight again when it is resumed", .repeating, "begun twice"),
        ("takes a closed window for an open one", .impatient, "preflight/window has not succeeded"),
        ("retires what is still in use", .hasty, "may still be in use"),
        ("puts users back to what it has retired", .forgetful, "is out of service"),
    ]

    @Test func `an explorer would see who started the run approve it`() throws {
        let plan = Plans.make(checks: 1, fourEyes: true, then: [])
        let report = WorldExplorer.search(plan, rules: .lenient)
        let finding = try #require(report.findings.first)
        #expect(finding.broken.contains("ana, who started the run, approved"))
    }

    private static let prey = Plans.make(
        checks: 1,
        shares: [0, 25, 100],
        chosenUsers: true,
        holdback: 5,
        window: closed,
        retirement: Plans.retirement
    )

    @Test(arguments: mutants.indices)
    func `a broken reducer or world is caught, by a shortest trail`(index: Int) throws {
        let (name, rules, broken) = Self.mutants[index]
        let report = WorldExplorer.search(Self.prey, rules: rules)
        let finding = try #require(report.findings.first, "a reducer that \(name) was not caught")
        #expect(finding.broken.contains(broken), "\(finding.broken)\n\(told(finding.trail))")
        #expect(finding.trail.count < 30)
    }

    private func told(_ trail: [Move]) -> String { trail.map { "  \($0)" }.joined(separator: "\n") }
}

extension WorldRules {
    fileprivate static func mutant(
        _ change: @escaping @Sendable (RunState, RunEvent) -> Reducer.Transition
    ) -> WorldRules {
        var rules = WorldRules()
        rules.step = change
        return rules
    }

    /// Answers a cancelled routing itself, at once, while it is under way.
    fileprivate static let dropping = mutant { state, event in
        let first = Reducer.step(state, event)
        let routing = first.state.pending.first { pending in
            guard case .route = pending.effect else { return false }
            return pending.isCancelled
        }
        guard let routing else { return first }
        let kind = RunEvent.Kind.failed(effect: routing.id, reason: "dropped", traffic: .unchanged)
        let second = Reducer.step(first.state, RunEvent(at: event.at, kind))
        return Reducer.Transition(
            state: second.state,
            effects: first.effects + second.effects,
            cancelled: first.cancelled + second.cancelled,
            refusal: first.refusal
        )
    }

    fileprivate static let believing = mutant { state, event in
        guard case .failed(let effect, let reason, .unknown) = event.kind else {
            return Reducer.step(state, event)
        }
        let kind = RunEvent.Kind.failed(effect: effect, reason: reason, traffic: .unchanged)
        return Reducer.step(state, RunEvent(at: event.at, kind))
    }

    /// Takes a routing that brought nobody but chosen users for one that brought nobody.
    fileprivate static let overlooking = mutant { state, event in
        guard case .succeeded(let id, _, _) = event.kind,
            case .route(let exposure) = state.pending.first(where: { $0.id == id })?.effect,
            exposure.share == .zero, exposure.hasChosenUsers
        else { return Reducer.step(state, event) }
        let kind = RunEvent.Kind.failed(effect: id, reason: "nobody came", traffic: .unchanged)
        return Reducer.step(state, RunEvent(at: event.at, kind))
    }

    /// Takes the monitor's good verdict for everything that was to be done.
    fileprivate static let hoarding = mutant { state, event in
        let transition = Reducer.step(state, event)
        guard case .judged(_, .passed) = event.kind, case .forward(_, .monitoring) = state.stage,
            let routing = transition.effects.first(where: { $0.effect == .route(candidate: .full) })
        else { return transition }
        let kind = RunEvent.Kind.succeeded(effect: routing.id, captures: [:], summary: nil)
        return Reducer.step(transition.state, RunEvent(at: event.at, kind))
    }

    fileprivate static var unfenced: WorldRules {
        var rules = WorldRules()
        rules.isFenced = false
        return rules
    }

    fileprivate static var credulous: WorldRules {
        var rules = WorldRules()
        rules.answersTellTheTruth = false
        return rules
    }

    fileprivate static let stubborn = mutant { state, event in
        if case .commanded(.abort, _, _) = event.kind, case .forward(_, .shifting) = state.stage {
            return Reducer.Transition(state: state, effects: [], cancelled: [], refusal: "not now")
        }
        return Reducer.step(state, event)
    }

    /// Takes every approval for one of somebody else.
    fileprivate static let lenient = mutant { state, event in
        guard case .commanded(.approve, _, let reason) = event.kind else { return Reducer.step(state, event) }
        let kind = RunEvent.Kind.commanded(command: .approve, by: Actor("zoe"), reason: reason)
        return Reducer.step(state, RunEvent(at: event.at, kind))
    }

    /// Takes every end of a wait for a window for its opening.
    fileprivate static let impatient = mutant { state, event in
        guard case .failed(let id, _, _) = event.kind,
            case .window = state.pending.first(where: { $0.id == id })?.effect
        else { return Reducer.step(state, event) }
        let kind = RunEvent.Kind.succeeded(effect: id, captures: [:], summary: nil)
        return Reducer.step(state, RunEvent(at: event.at, kind))
    }

    /// Takes every answer to the check before a retirement for a good one.
    fileprivate static let hasty = mutant { state, event in
        guard case .failed(let id, _, _) = event.kind,
            case .step(let step) = state.pending.first(where: { $0.id == id })?.effect, step.kind == .retire
        else { return Reducer.step(state, event) }
        let kind = RunEvent.Kind.succeeded(effect: id, captures: [:], summary: nil)
        return Reducer.step(state, RunEvent(at: event.at, kind))
    }

    /// Does not remember that it has retired anything.
    fileprivate static let forgetful = mutant { state, event in
        guard case .commanded(.rollback, _, _) = event.kind else { return Reducer.step(state, event) }
        var state = state
        state.retiredAt = nil
        return Reducer.step(state, event)
    }

    fileprivate static let repeating = mutant { state, event in
        let transition = Reducer.step(state, event)
        guard case .resumed = event.kind else { return transition }
        return Reducer.Transition(
            state: transition.state,
            effects: transition.state.pending,
            cancelled: [],
            refusal: nil
        )
    }
}
