import DeployCore
import Testing

/// A run at a window.
@Suite struct WindowGateTests {
    private static let gate = WindowGate(openings: [opening(100, 200), opening(500, 600)])

    @Test func `an open window is passed at once`() throws {
        let state = try Self.arriving(at: 150, Self.gate)
        #expect(Self.window(of: state)?.opens == Self.at(150))
        #expect(state.waiting?.kind == "window" && state.waiting?.until == Self.at(150))
    }

    @Test func `a closed one is waited for, and the time is in the journal`() throws {
        let state = try Self.arriving(at: 200, Self.gate)
        let window = try #require(Self.window(of: state))
        #expect(window.opens == Self.at(500) && window.until == Self.at(200 + 3600))
        #expect(state.waiting?.until == Self.at(500))
        #expect(state.condition == .waiting && state.isAtRest)
        #expect(state.nextTask?.kind == .window && state.nextTask?.due == Self.at(500))
    }

    @Test func `one that does not open any more is told so`() throws {
        #expect(Self.window(of: try Self.arriving(at: 600, Self.gate))?.opens == nil)
    }

    @Test func `one that stops waits for nothing`() throws {
        let gate = WindowGate(openings: Self.gate.openings, stops: true)
        let window = try #require(Self.window(of: try Self.arriving(at: 300, gate)))
        #expect(window.opens == Self.at(500) && window.until == Self.at(300))
    }

    @Test func `a closed window fails the run before anything is done`() throws {
        let state = try Self.arriving(at: 300, Self.gate)
        let failed = Self.step(state, 301, .failed(effect: 2, reason: "closed", traffic: .unchanged)).state
        #expect(failed.condition == .failed && failed.reason == "closed" && !failed.hasMovedTraffic)
    }

    @Test func `whoever overrides it goes through, by name`() throws {
        var plan = Plans.make(window: Self.gate)
        plan.windowOverride = WindowOverride(by: Actor("ana"), reason: "users cannot pay")
        let window = try #require(Self.window(of: try Self.arriving(at: 300, plan)))
        #expect(window.opens == Self.at(300))
    }

    @Test func `nobody is promoted through it`() throws {
        let state = try Self.arriving(at: 300, Self.gate)
        let asked = Self.step(
            state,
            301,
            .commanded(command: .promote(full: true), by: Actor("ana"), reason: nil)
        )
        #expect(asked.refusal?.contains("--override-window") == true && asked.state == state)
    }

    @Test func `who takes a waiting run over has not found a crash, and waits for the same`() throws {
        let state = try Self.arriving(at: 300, Self.gate)
        let taken = Self.step(state, 400, .resumed(by: Actor("bob"))).state
        #expect(taken.takeovers == 0 && Self.window(of: taken)?.opens == Self.at(500))
    }

    @Test func `a paused run is not gone on with unasked when it opens`() throws {
        let state = try Self.arriving(at: 300, Self.gate)
        let paused = Self.step(state, 301, .commanded(command: .pause, by: Actor("ana"), reason: nil)).state
        #expect(paused.condition == .paused && paused.nextTask == nil)
    }

    @Test func `a rollback is exempt: it ends the wait`() throws {
        let state = try Self.arriving(at: 300, Self.gate)
        let command = Command.rollback(gradual: false)
        let ended = Self.step(state, 301, .commanded(command: command, by: Actor("ana"), reason: nil))
        #expect(ended.refusal == nil && ended.cancelled == [2] && ended.state.condition == .failed)
    }

    private static func arriving(at seconds: Int64, _ gate: WindowGate) throws -> RunState {
        try arriving(at: seconds, Plans.make(window: gate))
    }

    /// The balancers were inspected then.
    private static func arriving(at seconds: Int64, _ plan: Plan) throws -> RunState {
        let events = [
            RunEvent(at: at(0), .started(plan: plan)),
            RunEvent(at: at(seconds), .succeeded(effect: 1, captures: [:], summary: nil)),
        ]
        return try #require(Reducer.fold(events))
    }

    private static func window(of state: RunState) -> (opens: Timestamp?, until: Timestamp)? {
        for case .window(_, let opens, let until) in state.pending.map(\.effect) { return (opens, until) }
        return nil
    }

    private static func step(
        _ state: RunState,
        _ seconds: Int64,
        _ kind: RunEvent.Kind
    ) -> Reducer.Transition {
        Reducer.step(state, RunEvent(at: at(seconds), kind))
    }

    private static func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

    private static func opening(_ from: Int64, _ until: Int64) -> Opening {
        Opening(from: at(from), until: at(until))
    }
}
