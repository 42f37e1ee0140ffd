import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// The plan in the journal knows who started the run, so that a gate can refuse that person.
struct FourEyesTests {
    @Test func `who started the run is kept with its plan, and may not approve it`() async throws {
        let gate = Step(
            id: Release.gate,
            title: "approval",
            kind: .approval(people: 1, fourEyes: true),
            deadline: .minutes(30)
        )
        var release = Release()
        release.validate = [[gate]]
        let bench = Bench(release)
        let end = try await bench.drive { desk in
            try await desk.until { $0.waiting?.kind == "approval" }
            let refusal = try await desk.ask(.approve, by: bench.holder().actor.name)
            #expect(refusal?.contains("four_eyes") == true)
            #expect(bench.shares == [])
            #expect(try await desk.ask(.approve, by: "somebody-else") == nil)
        }
        #expect(end.story == "settled, succeeded")
        #expect(end.state.plan.startedBy == bench.holder().actor)
    }
}
