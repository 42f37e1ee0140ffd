import DeployCore
import Foundation
import Testing

/// Who started a run has two eyes, not four.
struct FourEyesTests {
    /// At the gate of a run that `starter` started.
    private static func atTheGate(
        _ starter: String? = "ana",
        people: Int = 1,
        fourEyes: Bool? = true
    ) -> RunState {
        var plan = Plans.make(checks: 1, approvals: people, fourEyes: fourEyes)
        plan.startedBy = starter.map { Actor($0) }
        var state = Reducer.step(RunState(plan: plan), event(.started(plan: plan))).state
        while state.waiting?.kind != "approval", let pending = state.pending.first {
            let done = RunEvent.Kind.succeeded(effect: pending.id, captures: [:], summary: nil)
            state = Reducer.step(state, event(done)).state
        }
        return state
    }

    private static func event(_ kind: RunEvent.Kind) -> RunEvent {
        RunEvent(at: Timestamp(milliseconds: 0), kind)
    }

    private static func approval(by name: String) -> RunEvent {
        event(.commanded(command: .approve, by: Actor(name), reason: nil))
    }

    @Test(arguments: [
        "ana", "ana (token 3f9a12bc, 10.0.0.7)", "ana (session 00000000, 10.0.0.8)", "ana@web-1", "ANA",
        "ana@web-1 (uid 1000, unix)",
    ])
    func `who started the run is refused, whatever way they come`(name: String) throws {
        let gate = Self.atTheGate("ana (token 11111111, 10.0.0.7)")
        let transition = Reducer.step(gate, Self.approval(by: name))
        let refusal = try #require(transition.refusal)
        #expect(refusal.contains("may not approve: `approval` has four_eyes"))
        #expect(refusal.contains("ana (token 11111111, 10.0.0.7) started the run; somebody else must"))
        #expect(transition.state == gate)
        #expect(Reducer.step(gate, Self.approval(by: "bob (token 22222222, 10.0.0.7)")).refusal == nil)
    }

    @Test(arguments: ["anabel", "an", "bob@ana", "ana-maria@web-1"])
    func `a name that only looks like it is somebody else`(name: String) {
        #expect(Reducer.step(Self.atTheGate(), Self.approval(by: name)).refusal == nil)
    }

    @Test func `without four eyes one's own approval counts`() {
        #expect(Reducer.step(Self.atTheGate(fourEyes: nil), Self.approval(by: "ana")).refusal == nil)
    }

    @Test func `when nobody knows who started the run, nobody can be another`() {
        let refusal = Reducer.step(Self.atTheGate(nil), Self.approval(by: "bob")).refusal
        #expect(refusal?.contains("nobody knows who started the run") == true)
    }

    @Test func `two tokens of one person are one approval`() throws {
        let gate = Self.atTheGate(people: 2)
        let once = Reducer.step(gate, Self.approval(by: "bob (token 22222222, 10.0.0.7)"))
        #expect(once.refusal == nil)
        let again = Reducer.step(once.state, Self.approval(by: "bob (token 33333333, 10.0.0.9)"))
        let refusal = try #require(again.refusal)
        #expect(refusal.contains("may be bob (token 22222222, 10.0.0.7), who has approved already"))
        let twice = Reducer.step(once.state, Self.approval(by: "eve (token 44444444, 10.0.0.9)"))
        #expect(twice.refusal == nil)
        #expect(twice.state.waiting?.kind != "approval")
    }

    @Test func `no second person is needed for the way back`() {
        for command in [Command.abort, .rollback(gradual: false), .rollback(gradual: true)] {
            let event = Self.event(.commanded(command: command, by: Actor("ana"), reason: nil))
            #expect(Reducer.step(Self.atTheGate(), event).refusal == nil)
        }
    }

    @Test func `a gate of an older version is one without four eyes`() throws {
        let old = Data(#"{"approval":{"people":2}}"#.utf8)
        #expect(try JSONDecoder().decode(Step.Kind.self, from: old) == .approval(people: 2, fourEyes: nil))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(try encoder.encode(Step.Kind.approval(people: 2)) == old)
        let new = Step.Kind.approval(people: 1, fourEyes: true)
        #expect(try JSONDecoder().decode(Step.Kind.self, from: encoder.encode(new)) == new)
    }
}
