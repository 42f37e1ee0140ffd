import DeployCore
import Testing

/// How often a run ended its process at the same point.
struct TakeoverCountTests {
    private static func takeovers(_ kinds: [RunEvent.Kind]) -> Int? {
        let events = [.started(plan: Plans.make())] + kinds
        return Reducer.fold(events.map { RunEvent(at: Timestamp(milliseconds: 0), $0) })?.takeovers
    }

    private static let taken = RunEvent.Kind.resumed(by: Actor("ana"))

    @Test func `each takeover in the middle of an effect counts, up to the limit`() {
        #expect(Self.takeovers([]) == 0)
        #expect(Self.takeovers([Self.taken]) == 1)
        let many = Array(repeating: Self.taken, count: RunState.takeoverLimit + 1)
        #expect(Self.takeovers(many) == RunState.takeoverLimit)
    }

    @Test func `an effect that ended begins the count anew`() {
        let ended = RunEvent.Kind.succeeded(effect: 1, captures: [:], summary: "")
        #expect(Self.takeovers([Self.taken, Self.taken, ended]) == 0)
        #expect(Self.takeovers([Self.taken, Self.taken, ended, Self.taken]) == 1)
    }
}
