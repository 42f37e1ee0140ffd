@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployEngine
import DeployPorts
import Testing

/// Frames as text, and what must be true of each of them.
struct LiveFrameTests {
    private func frame(
        _ script: Script,
        _ observer: ModelObserver,
        columns: Int = 100,
        rows: Int = 40,
        color: Bool = false,
        later: Span = .zero
    ) -> [String] {
        LiveFrame(
            model: observer.model,
            now: script.now.advanced(by: later),
            size: LiveScreen.Size(columns: columns, rows: rows),
            style: Style(usesColor: color)
        ).lines
    }

    private func check(_ lines: [String], _ name: String) throws {
        try Snapshot.check(lines.joined(separator: "\n") + "\n", name)
    }

    @Test func `a step under way shows the last lines of its output`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.start()
        script.succeed("blue 100 %, green 0 %")
        script.succeed("12 GB free")
        for number in 1...7 {
            observer.output("unpacking \(number)/7\u{1B}[2J", of: StepID(rawValue: "prepare/1"))
        }
        try check(frame(script, observer, later: .milliseconds(3400)), "prepare")
    }

    @Test func `a gate says how long it waits and how to open it`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToGate()
        try check(frame(script, observer, later: .seconds(61)), "gate")
    }

    @Test func `a held share shows the split, the countdown and what both environments do`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        let watch = try #require(script.state.watch)
        observer.watched(.seen(watch, errors: 0.002, ["p95 of green is 40 % above blue's"]))
        let lines = frame(script, observer, later: .seconds(108))
        try check(lines, "hold")
        #expect(lines.contains { $0.contains("hold 10 %: 3m12s left; `bgdeploy promote` ends it") })
    }

    @Test func `the evidence stands below the figures that it is of`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        let watch = try #require(script.state.watch)
        observer.watched(.seen(watch, errors: 0.03, evidence: .of(0.62, good: 0.1)))
        let lines = frame(script, observer, later: .seconds(108))
        try check(lines, "evidence")
        let place = try #require(
            lines.firstIndex {
                $0.contains(
                    "evidence: 62 % of what a rollback takes (err_rel); 10 % of what the next step takes"
                )
            }
        )
        #expect(lines[place - 2].hasPrefix("  green"))
    }

    @Test func `the reason of a rollback is told whole`() throws {
        let reason =
            "error rate of green 5.2 % (52 of 1,000 requests in 10 s), worse than blue: 0.3 %; a version that is no "
            + "worse looks so in less than 1 of 45,551 runs"
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        script.judge(.rollBack(reason: reason), after: .seconds(14))
        for columns in [60, 100] {
            let text = frame(script, observer, columns: columns).map { $0.drop { $0 == " " } }.joined(
                separator: " "
            )
            #expect(text.contains(reason))
        }
    }

    @Test func `monitor says what is held back as a control`() throws {
        let observer = ModelObserver()
        var phases = Script.phases.filter { $0.name != .drain }
        phases[3] = .shift(
            phase: SwitchPhase(
                shares: [Script.percent(10), .full],
                hold: .minutes(5),
                holdback: Script.percent(5)
            )
        )
        var script = Script(Script.canary(phases: phases), to: observer)
        script.goToFirstHold()
        script.judge(.passed(summary: "the evidence is in"), after: .seconds(90))
        script.succeed("blue 5 %, green 95 %, verified in 9 ms")
        let watch = try #require(script.state.watch)
        #expect(watch.purpose == .monitor)
        observer.watched(.seen(watch, errors: 0, evidence: .of(0, good: 0)))
        try check(frame(script, observer, later: .seconds(60)), "holdback")
    }

    @Test func `colours tell the environments apart by their names`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        let lines = frame(script, observer, color: true)
        #expect(lines[0].contains("\u{1B}[34mblue\u{1B}[0m"))
        #expect(lines[0].contains("\u{1B}[32mgreen\u{1B}[0m"))
        try check(lines, "hold-colour")
    }

    @Test func `without colours nothing but text is sent`() {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        let text = frame(script, observer).joined()
        #expect(!text.contains("\u{1B}"))
    }

    @Test func `draining shows the connections left`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        script.command(.promote(full: true))
        script.succeed("blue 0 %, green 100 %, verified in 9 ms")
        observer.draining(connections: 12)
        let lines = frame(script, observer, later: .seconds(5))
        try check(lines, "drain")
        #expect(lines.contains { $0.contains("12 connections to blue left, 25s at most") })
    }

    @Test func `monitor and the end`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        script.command(.promote(full: true))
        script.succeed("blue 0 %, green 100 %, verified in 9 ms")
        script.succeed("no connections to blue")
        try check(frame(script, observer, later: .seconds(90)), "monitor")
        script.judge(.passed(summary: "green 90,000 requests, 0.0 % errors"), after: .minutes(15))
        try check(frame(script, observer), "released")
    }

    @Test func `a rollback says why, and where it has got`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        script.judge(.rollBack(reason: "green: 33 % errors, 1 % allowed"), after: .seconds(14))
        let lines = frame(script, observer, color: true)
        try check(lines, "rollback")
        #expect(
            lines.contains {
                $0.contains("\u{1B}[31mgreen: 33 % errors, 1 % allowed")
                    || $0.contains("31m      green: 33 %")
            }
        )
        script.succeed("blue 100 %, green 0 %, verified in 8 ms")
        script.succeed()
        #expect(script.state.condition == .rolledBack)
        try check(frame(script, observer), "rolled-back")
    }

    @Test func `a failed step keeps its reason and its output on the screen`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.start()
        script.succeed()
        script.succeed()
        observer.output("dpkg: error: no such package", of: StepID(rawValue: "prepare/1"))
        script.fail("ended with exit code 2")
        #expect(script.state.condition == .failed)
        try check(frame(script, observer), "failed")
    }

    @Test func `a pause says who, why, and what happens when nobody decides`() throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        script.command(.pause, "looking at a graph")
        try check(frame(script, observer), "paused")
    }

    @Test(arguments: [20, 34, 50]) func `narrow terminals get lines that fit`(columns: Int) throws {
        let observer = ModelObserver()
        var script = Script(to: observer)
        script.goToFirstHold()
        let watch = try #require(script.state.watch)
        observer.watched(.seen(watch, errors: 0.4, ["p95 of green is 40 % above blue's, 日本語"]))
        let lines = frame(script, observer, columns: columns)
        for line in lines { #expect(LiveLine.cells(line) <= columns) }
        if columns == 34 { try check(lines, "narrow") }
    }

    @Test(arguments: [6, 12, 24, 60]) func `a frame leaves a row for the cursor`(rows: Int) {
        let observer = ModelObserver()
        let many = (1...30).map { Script.step("prepare/\($0)", "step \($0)") }
        var phases = Script.phases
        phases[1] = .steps(phase: StepsPhase(.prepare, groups: many.map { [$0] }))
        var script = Script(Script.canary(phases: phases), to: observer)
        script.start()
        for _ in 0..<20 { script.succeed() }
        let lines = frame(script, observer, rows: rows)
        #expect(lines.count <= min(24, rows - 1))
        #expect(lines.contains { $0.contains("step 19") })
    }

    @Test func `a run that was taken over shows what is behind it as done`() throws {
        var script = Script()
        script.goToFirstHold()
        let observer = ModelObserver()
        let before = script.state
        script.happen(.resumed(by: Actor("bob@host")))
        let entry = try #require(script.entries.last)
        observer.recorded(entry, before: before, after: script.state)
        try check(frame(script, observer), "taken-over")
    }
}
