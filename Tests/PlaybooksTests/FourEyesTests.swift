import DeployCore
import Playbooks
import Testing

@Suite struct FourEyesTests {
    private static func gates(_ text: String) throws -> [(kind: Step.Kind, title: String)] {
        let plan = try Book.plan(try Book.loaded("validate: \(text)\n")).plan
        return plan.phases.flatMap { phase in
            guard case .steps(let phase) = phase, phase.name == .validate else { return [] as [Step] }
            return Array(phase.groups.joined())
        }.map { ($0.kind, $0.title) }
    }

    @Test func `a gate with four eyes says so to the core and to people`() throws {
        let gates = try Self.gates(
            "[{ approval: { four_eyes: true } }, { approval: { by: 2, four_eyes: true } }]"
        )
        let kinds: [Step.Kind] = [
            .approval(people: 1, fourEyes: true), .approval(people: 2, fourEyes: true),
        ]
        #expect(gates.map(\.kind) == kinds)
        let titles = ["approval by another person", "approval by 2 people other than who started it"]
        #expect(gates.map(\.title) == titles)
    }

    @Test(arguments: ["{ approval: {} }", "{ approval: { four_eyes: false } }", "{ checklist: [notes] }"])
    func `a gate without is as ever`(gate: String) throws {
        #expect(try Self.gates("[\(gate)]").map(\.kind) == [.approval(people: 1)])
    }
}
