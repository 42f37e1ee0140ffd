import DeployCore
import DeployPorts
import Playbooks
import Testing

/// Windows and retirement, from the playbook to the plan.
@Suite struct WindowTests {
    static let text = """
        preflight:
          - window: { not: ["Fri 16:00-24:00", Sat, Sun], zone: America/New_York }
        validate:
          - window:
              only: [first Sat 01:00-06:00]
              freeze: [2026-12-20..2027-01-03]
              then: stop
              timeout: 35d
            name: the night of the month

        """

    /// 2026-11-20 12:00 UTC, a Friday.
    private static let friday = Timestamp(milliseconds: 1_795_176_000_000)

    @Test func `a window becomes times by the clocks of its place`() throws {
        let step = try #require(try Self.steps()["preflight/2"])
        guard case .window(let gate) = step.kind else {
            Issue.record("\(step.kind)")
            return
        }
        #expect(step.title == "window: not Fri 16:00-24:00, Sat, Sun (America/New_York)")
        #expect(step.deadline == .minutes(7 * 24 * 60) && !gate.stops)
        let first = try #require(gate.openings.first)
        #expect(first.from == Self.friday && first.until.utcText == "2026-11-20 21:00 UTC")
        #expect(gate.openings.dropFirst().first?.from.utcText == "2026-11-23 05:00 UTC")
        #expect(
            gate.openings.last.map { $0.until > Self.friday.advanced(by: .minutes(30 * 24 * 60)) } == true
        )
    }

    @Test func `ordinals, freezes, a name and an end are heeded`() throws {
        let step = try #require(try Self.steps()["validate/1"])
        guard case .window(let gate) = step.kind else {
            Issue.record("\(step.kind)")
            return
        }
        #expect(step.title == "the night of the month" && gate.stops)
        #expect(gate.openings.map(\.from.utcText) == ["2026-12-05 01:00 UTC"])
        #expect(gate.openings.map(\.until.utcText) == ["2026-12-05 06:00 UTC"])
    }

    @Test func `a plan without a time has windows that never open`() throws {
        for step in try Self.steps(at: nil).values {
            guard case .window(let gate) = step.kind else { continue }
            #expect(gate.openings.isEmpty)
        }
    }

    @Test func `an environment goes out of service when the playbook says`() throws {
        let text = """
            afterwards:
              - { in: 1h, do: [{ run: [tell] }] }
              - retire: { after: 3d, do: [{ run: [stop, "${stable}"] }, { run: [tell] }] }

            """
        let playbook = try Book.loaded(text)
        let frozen = try Book.plan(playbook)
        let retirement = try #require(frozen.plan.retirement)
        #expect(retirement.after == .minutes(3 * 24 * 60))
        #expect(
            retirement.steps.map(\.id.rawValue) == ["afterwards/retire-1", "afterwards/retire-2"]
        )
        #expect(frozen.plan.followUps.map(\.step.id.rawValue) == ["afterwards/1"])
        #expect(frozen.actions[StepID(rawValue: "afterwards/retire-2")]?.summary == "run")
        #expect(playbook.references.map(\.name) == ["stable"])
    }

    @Test func `after seven days unless it says when, and never by itself where it says nothing`() throws {
        let plan = try Book.plan(try Book.loaded("afterwards: [{ retire: {} }]\n")).plan
        #expect(plan.retirement == Retirement(after: .minutes(7 * 24 * 60)))
        #expect(try Book.plan(try Book.loaded()).plan.retirement == nil)
    }

    private static func steps(at now: Timestamp? = friday) throws -> [String: Step] {
        let playbook = try Book.loaded(text)
        let plan = playbook.plan(
            version: try playbook.version("v2.5.0"),
            previousVersion: nil,
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            at: now
        ).plan
        var steps: [String: Step] = [:]
        for case .steps(let phase) in plan.phases {
            for step in phase.groups.joined() { steps[step.id.rawValue] = step }
        }
        return steps
    }
}
