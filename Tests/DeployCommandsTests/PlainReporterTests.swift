@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Testing

/// Whole runs as a CI log has them.
struct PlainReporterTests {
    private func log(
        _ plan: Plan = Script.canary(),
        _ play: (inout Script, PlainReporter) -> Void
    ) throws -> String {
        let tape = try Tape()
        let reporter = PlainReporter(printer: tape.printer, style: Style(usesColor: false), showsOutput: true)
        var script = Script(plan, to: reporter)
        play(&script, reporter)
        return Snapshot.relative(tape.text)
    }

    @Test func `a canary that goes well`() throws {
        let followUp = FollowUp(after: .minutes(60), step: Script.step("afterwards/1", "stop blue"))
        let text = try log(Script.canary(followUps: [followUp])) { script, reporter in
            script.goToFirstHold()
            script.happen(
                .noted(
                    note: Note(
                        topic: "traffic",
                        text: "green 600 requests, 0.0 % errors, p95 12 ms; blue 5,400 requests"
                    )
                )
            )
            script.happen(.noted(note: Note(topic: "remark", text: "p95 of green is 40 % above blue's")))
            script.judge(.passed(summary: "green 6,000 requests, 0.0 % errors"), after: .minutes(5))
            script.succeed("blue 50 %, green 50 %, verified in 11 ms")
            script.command(.promote(full: false), "the figures are clear")
            script.succeed("blue 0 %, green 100 %, verified in 9 ms")
            for count in [12, 12, 3, 0] { reporter.draining(connections: count) }
            script.succeed("no connections to blue")
            script.judge(.passed(summary: "green 90,000 requests, 0.0 % errors"), after: .minutes(15))
        }
        try Snapshot.check(text, "plain-canary")
    }

    @Test func `the end of a watch does not repeat the figures of the line before`() throws {
        let figures = "green 40 requests, 0.0 % errors; blue 360 requests"
        let text = try log { script, _ in
            script.goToFirstHold()
            script.happen(.noted(note: Note(topic: "traffic", text: figures)))
            script.judge(.passed(summary: figures), after: .seconds(4))
        }
        #expect(text.ranges(of: figures).count == 1)
        #expect(text.contains("✓ watched at 10 %\n"))
    }

    @Test func `a candidate that turns bad`() throws {
        let text = try log { script, _ in
            script.goToFirstHold()
            script.judge(.rollBack(reason: "green: 33 % errors, 1 % allowed"), after: .seconds(14))
            script.fail("nginx: configuration refused", after: .seconds(1))
            script.succeed()
            script.succeed("blue 100 %, green 0 %, verified in 8 ms")
            script.fail("the channel does not answer")
        }
        try Snapshot.check(text, "plain-rolled-back")
    }

    @Test func `a step that fails before any traffic moved`() throws {
        let text = try log { script, reporter in
            script.start()
            script.succeed("blue 100 %, green 0 %")
            script.succeed("12 GB free")
            reporter.output("dpkg: error: no such package", of: StepID(rawValue: "prepare/1"))
            script.fail("ended with exit code 2\nlast lines:\ndpkg: error: no such package")
        }
        try Snapshot.check(text, "plain-failed")
    }

    @Test func `a pause, an abort, and a rollback that does not complete`() throws {
        let text = try log { script, _ in
            script.goToFirstHold()
            script.command(.pause, "looking at a graph")
            script.command(.proceed)
            script.judge(
                .inconclusive(reason: "not enough was measured: no figures in 200 of 300 s"),
                after: .minutes(5)
            )
            script.command(.abort, by: "bob@ops", "enough")
            for _ in 1...4 {
                script.fail("balancer 1: no answer", .unknown)
                script.succeed()
            }
            script.fail("balancer 1: no answer", .unknown)
        }
        try Snapshot.check(text, "plain-rollback-failed")
        #expect(text.contains("a person is needed now"))
    }

    @Test func `a failure that the playbook lets pass is a warning, not an error`() throws {
        let step = Step(id: StepID(rawValue: "prepare/1"), title: "warm the cache", onFailure: .proceed)
        let plan = Script.canary(phases: [
            .steps(phase: StepsPhase(.prepare, groups: [[step]])), .shift(phase: .instant),
        ])
        var script = Script(plan)
        script.start()
        let before = script.state
        script.fail("no answer")
        let entry = try #require(script.entries.last)
        let lines = Telling.lines(of: entry, before: before, after: script.state)
        #expect(lines.map(\.mark) == [.warns, .begins])
        #expect(lines[0].text == "warm the cache: no answer\nThe run goes on all the same.")
    }

    @Test func `a routing whose outcome is unknown says so`() throws {
        var script = Script()
        script.goToGate()
        script.command(.approve)
        let before = script.state
        script.fail("the reload was not answered", .unknown)
        let entry = try #require(script.entries.last)
        let lines = Telling.lines(of: entry, before: before, after: script.state)
        #expect(lines[0].text.contains("The split is not known now; last confirmed: blue 100 %, green 0 %"))
        #expect(lines[1].text.hasPrefix("going back: all traffic to blue"))
    }

    @Test func `with two approvals needed, each is counted`() throws {
        let gate = Script.step("validate/1", "two managers", .approval(people: 2))
        var script = Script(
            Script.canary(phases: [
                .steps(phase: StepsPhase(.validate, groups: [[gate]])), .shift(phase: .instant),
            ])
        )
        script.start()
        var told: [String] = []
        for name in ["ana", "bob"] {
            let before = script.state
            script.command(.approve, by: name)
            let entry = try #require(script.entries.last)
            told += Telling.lines(of: entry, before: before, after: script.state).prefix(1).map(\.text)
        }
        #expect(told == ["approved by ana (1 of 2)", "approved by bob (2 of 2)"])
    }

    @Test func `text from elsewhere gives no line that a CI system takes for a command`() throws {
        let tape = try Tape()
        let reporter = PlainReporter(printer: tape.printer, style: Style(usesColor: false), showsOutput: true)
        var script = Script(to: reporter)
        script.start()
        reporter.output(
            "::error::x\n  ::set-output name=a::b\n##[group]x ##vso[task.complete]",
            of: StepID(rawValue: "a")
        )
        script.fail("no\n::stop-commands::t\n##[error]x")
        for line in tape.lines {
            #expect(!line.drop { $0 == " " }.hasPrefix("::"))
            #expect(!line.contains("##[") && !line.contains("##vso["))
        }
        #expect(tape.text.contains("│ ::stop-commands::t"))
    }
}
