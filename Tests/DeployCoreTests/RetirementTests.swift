import DeployCore
import Testing

/// What becomes of the environment that is no longer live.
@Suite struct RetirementTests {
    private static let hour = Span.minutes(60).milliseconds

    @Test func `it is due when its time is over, beside the other follow-ups`() throws {
        let run = try Story(Plans.make(followUps: ["tell"], retirement: Plans.retirement))
        #expect(run.pending == ["wait afterwards/1", "wait afterwards/retire"])
        #expect(run.state.nextTask?.kind == .followUp && run.state.nextTask?.due == run.at(hours: 1))
        #expect(run.state.waiting?.until == run.at(hours: 1))
    }

    @Test func `it is checked first, counts from then on, and is carried out step by step`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        try run.succeed("wait afterwards/retire", hours: 2)
        #expect(run.pending == ["afterwards/retire"] && run.state.retiredAt == nil)
        try run.succeed("afterwards/retire", hours: 2)
        #expect(run.pending == ["afterwards/11"] && run.state.retiredAt == run.at(hours: 2))
        try run.fail("afterwards/11", hours: 2)
        try run.succeed("afterwards/12", hours: 3)
        #expect(run.pending.isEmpty && !run.state.hasFollowUps && run.state.nextTask == nil)
    }

    @Test func `an environment that is in use stays in service`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        try run.succeed("wait afterwards/retire", hours: 2)
        try run.fail("afterwards/retire", hours: 2)
        #expect(run.pending.isEmpty && run.state.retiredAt == nil)
        #expect(run.ask(.rollback(gradual: false), hours: 3) == nil)
    }

    @Test func `users are not put back to one that is out of service`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        try run.succeed("wait afterwards/retire", hours: 2)
        try run.succeed("afterwards/retire", hours: 2)
        let refusal = run.ask(.rollback(gradual: false), hours: 3)
        #expect(refusal?.contains("blue is out of service since 1970-01-01") == true)
        #expect(refusal?.contains("bgdeploy run") == true)
        #expect(run.pending == ["afterwards/11"])
    }

    @Test func `a person retires early only when told so`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        let refusal = run.ask(.retire(early: false), hours: 1)
        #expect(refusal?.contains("is kept until 1970-01-01") == true && refusal?.contains("--now") == true)
        #expect(run.ask(.retire(early: true), hours: 1) == nil)
        #expect(run.pending == ["afterwards/retire"])
        #expect(run.ask(.retire(early: true), hours: 1)?.contains("already") == true)
        try run.succeed("afterwards/retire", hours: 1)
        #expect(run.ask(.retire(early: true), hours: 1)?.contains("out of service since") == true)
    }

    @Test func `without a word in the playbook it is kept for seven days, then until a person comes`() throws
    {
        var run = try Story(Plans.make())
        #expect(run.pending.isEmpty)
        #expect(run.ask(.retire(early: false), hours: 7 * 24 - 1)?.contains("is kept until") == true)
        #expect(run.ask(.retire(early: false), hours: 7 * 24 + 1) == nil)
        try run.succeed("afterwards/retire", hours: 7 * 24 + 1)
        #expect(run.state.retiredAt != nil && run.pending.isEmpty)
    }

    @Test func `one that failed its check may be retired later`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        try run.succeed("wait afterwards/retire", hours: 2)
        try run.fail("afterwards/retire", hours: 2)
        #expect(run.ask(.retire(early: false), hours: 3) == nil)
        #expect(run.pending == ["afterwards/retire"])
    }

    @Test func `a rollback before it takes the plan for it back too`() throws {
        var run = try Story(Plans.make(retirement: Plans.retirement))
        #expect(run.ask(.rollback(gradual: false), hours: 1) == nil)
        #expect(run.pending == ["route"])
    }

    @Test func `only a run that has succeeded leaves anything to retire`() throws {
        let state = RunState(plan: Plans.make(retirement: Plans.retirement))
        let event = RunEvent.Kind.commanded(command: .retire(early: true), by: Actor("ana"), reason: nil)
        let asked = Reducer.step(state, RunEvent(at: Timestamp(milliseconds: 0), event))
        #expect(asked.refusal?.contains("succeeded run") == true)
    }

    /// A run that was released at the hour 0.
    private struct Story {
        private(set) var state: RunState

        init(_ plan: Plan) throws {
            var state = RunState(plan: plan)
            state = Reducer.step(state, RunEvent(at: Self.at(0), .started(plan: plan))).state
            while state.phase != .afterwards {
                let pending = try #require(state.pending.first)
                let kind: RunEvent.Kind
                switch pending.effect {
                case .watch: kind = .judged(effect: pending.id, verdict: .passed(summary: ""))
                case .approval: kind = .commanded(command: .approve, by: Actor("ana"), reason: nil)
                case .step, .wait, .window, .route, .drain:
                    kind = .succeeded(effect: pending.id, captures: [:], summary: nil)
                }
                state = Reducer.step(state, RunEvent(at: Self.at(0), kind)).state
            }
            self.state = state
        }

        var pending: [String] { state.pending.map { Self.name(of: $0.effect) } }

        func at(hours: Int64) -> Timestamp { Self.at(hours) }

        mutating func succeed(_ name: String, hours: Int64) throws {
            try settle(name, hours) { .succeeded(effect: $0, captures: [:], summary: nil) }
        }

        mutating func fail(_ name: String, hours: Int64) throws {
            try settle(name, hours) { .failed(effect: $0, reason: "no", traffic: .unchanged) }
        }

        private mutating func settle(
            _ name: String,
            _ hours: Int64,
            _ kind: (Int) -> RunEvent.Kind
        ) throws {
            let pending = try #require(state.pending.first { Self.name(of: $0.effect) == name })
            state = Reducer.step(state, RunEvent(at: Self.at(hours), kind(pending.id))).state
        }

        mutating func ask(_ command: Command, hours: Int64) -> String? {
            let kind = RunEvent.Kind.commanded(command: command, by: Actor("ana"), reason: nil)
            let transition = Reducer.step(state, RunEvent(at: Self.at(hours), kind))
            state = transition.state
            return transition.refusal
        }

        private static func at(_ hours: Int64) -> Timestamp {
            Timestamp(milliseconds: hours * RetirementTests.hour)
        }

        private static func name(of effect: Effect) -> String {
            switch effect {
            case .step(let step): step.id.rawValue
            case .wait(let step, _): "wait \(step)"
            case .route: "route"
            case .approval, .window, .watch, .drain: "else"
            }
        }
    }
}
