@testable import DeployOperations
@testable import DeployServer
import DeployCore
import DeployPorts
import Testing

@Suite struct DashboardTimelineTests {
    private static func marks(_ story: Story) -> String {
        RunTimeline(story.run).stages.map { "\($0.name) \($0.mark)" }.joined(separator: ", ")
    }

    @Test func `phases behind the run are done, its own is current, the rest is to come`() {
        #expect(
            Self.marks(.hold)
                == "preflight done, prepare done, validate done, switch current, drain toCome, monitor toCome"
        )
    }

    @Test func `the phase that a run turned back in has failed, and the way back is one of its own`() {
        let ahead =
            "preflight done, prepare done, validate done, switch failed, drain skipped, monitor skipped"
        #expect(Self.marks(.goingBack) == ahead + ", rollback current")
        #expect(Self.marks(.rolledBack) == ahead + ", rollback done")
        #expect(Self.marks(.rollbackFailed) == ahead + ", rollback failed")
        #expect(
            Self.marks(.failed)
                == "preflight done, prepare done, validate failed, switch skipped, drain skipped, "
                + "monitor skipped"
        )
    }

    @Test func `a release that is taken back afterwards had gone well`() {
        var story = Story.released
        story.change { script in
            script.command(.rollback(gradual: false), "a customer")
            script.succeed()
            script.succeed()
        }
        #expect(
            Self.marks(story).hasSuffix(
                "switch done, drain done, monitor done, rollback done, afterwards skipped"
            )
        )
    }

    @Test func `shares, steps and gates have their times and their words`() throws {
        let stages = RunTimeline(Story.hold.run).stages
        let gate = try #require(stages[2].items.last)
        #expect(gate.mark == .done && gate.detail == "approved by ana@ci-7")
        let tests = stages[2].items[1]
        #expect(tests.detail == "31 tests passed")
        #expect(tests.ended?.since(tests.since ?? Script.begin) == .seconds(42))
        #expect(stages[3].items.map(\.mark) == [.current, .toCome, .toCome])
        #expect(stages[3].items[0].since != nil && stages[3].items[0].ended == nil)
    }

    @Test func `shares that were left out are not done`() throws {
        var story = Story.hold
        story.change { script in
            script.command(.promote(full: true))
            script.succeed()
        }
        let shift = try #require(RunTimeline(story.run).stages.first { $0.name == .shift })
        #expect(shift.items.map(\.mark) == [.done, .skipped, .done])
    }

    @Test func `what is planned for later says when`() throws {
        let story = Story.released
        let task = try #require(RunTimeline(story.run).stages.last?.items.first)
        #expect(task.mark == .toCome)
        #expect(task.due == story.script.now.advanced(by: .minutes(60 * 24 * 7)))
    }

    @Test func `what was measured is in the charts and not among the events`() {
        let lines = RunTimeline(Story.hold.run).lines
        #expect(lines.contains { $0.text.contains("smoke tests: 31 tests passed") })
        #expect(!lines.contains { $0.text.contains("requests,") })
    }
}
