@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Testing

/// What is handed over at the end of a watch.
struct HandoffTests {
    private func items(
        _ run: RecordedRun,
        at now: Timestamp,
        isHeld: Bool = false,
        isLatest: Bool = true
    )
        -> [Handoff.Item]
    {
        RunHandoff(
            run: run,
            report: RunReport(run),
            isLatest: isLatest,
            isHeld: isHeld,
            since: Timestamp(milliseconds: now.milliseconds - Span.minutes(480).milliseconds),
            now: now
        ).items
    }

    private func recorded(_ script: Script) -> RecordedRun {
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        return RecordedRun(record: record, entries: script.entries, state: script.state)
    }

    private func rolledBack(_ remarks: [Remark] = []) -> (RecordedRun, Timestamp) {
        var run = WatchedRun()
        run.watch(120) { WatchedRun.Second(errors: $0 >= 40 ? 10 : 0) }
        run.finish()
        if !remarks.isEmpty { run.command(.note(remarks: remarks)) }
        return (run.recorded, run.script.now)
    }

    @Test func `a rollback is a change, a known issue until its cause is told, and its actions stay open`() {
        let (run, now) = rolledBack()
        let bare = items(run, at: now)
        #expect(bare.filter { $0.topic == .changes }.count == 1)
        #expect(bare.contains { $0.topic == .known && $0.text.contains("no root cause is told") })
        let action = Remark(.action, "Check plans", owner: "bo", due: "2020-01-01")
        let (told, later) = rolledBack([
            Remark(.cause, "index"), action, Remark(.action, "x"), Remark(.done, "2"),
        ])
        let rest = items(told, at: later)
        #expect(!rest.contains { $0.topic == .known })
        let open = rest.filter { $0.topic == .notes }.map(\.text)
        #expect(
            open.count == 2 && open.last == "v2.5.0: OVERDUE: Check plans (owner: bo, due: 2020-01-01)",
            "\(open)"
        )
    }

    @Test func `what waits for a person is an incident, and what is under way is watched`() {
        var script = Script()
        script.goToGate()
        let gate = items(recorded(script), at: script.now)
        #expect(gate.contains { $0.topic == .incidents && $0.text.contains("waits for an approval") })
        script.command(.approve)
        script.succeed()
        #expect(items(recorded(script), at: script.now, isHeld: true).contains { $0.topic == .watch })
        let lost = items(recorded(script), at: script.now)
        #expect(lost.contains { $0.topic == .incidents && $0.text.contains("was interrupted") })
        #expect(items(recorded(script), at: script.now, isLatest: false).allSatisfy { $0.topic == .changes })
    }

    /// A look with one check, of a runbook of mina's; `action` makes it the action's run.
    private func runbook(_ action: String? = nil) -> Script {
        let id = StepID(rawValue: action == nil ? "look/1" : "verify/1")
        let check = RunbookCheck(step: id, title: "site", severity: .p1)
        let step = Step(id: id, title: "site", onFailure: .proceed)
        var plan = Plan(
            service: "mina:down",
            version: Script.canary().version,
            stable: RunbookPart.environments.stable,
            candidate: RunbookPart.environments.candidate,
            phases: [.steps(phase: StepsPhase(action == nil ? .look : .verify, groups: [[step]]))],
            runbook: RunbookPart(
                name: "down",
                title: "It is down",
                service: "mina",
                action: action,
                checks: [check]
            )
        )
        plan.startedBy = Actor("ana")
        var script = Script(plan)
        script.start()
        return script
    }

    @Test func `a runbook's incident is open until a look finds nothing, and its actions are changes`() {
        func recorded(_ script: Script) -> RecordedRun {
            let record = RunRecord(
                id: Script.run,
                service: "mina:down",
                version: script.state.plan.version,
                startedAt: Script.begin
            )
            return RecordedRun(record: record, entries: script.entries, state: script.state)
        }
        var bad = runbook()
        bad.fail("no answer")
        let open = items(recorded(bad), at: bad.now)
        #expect(open.map(\.topic) == [.incidents])
        #expect(open.first?.text == "P1 incident: It is down; 1 of 1 checks failed (P1).", "\(open)")
        #expect(open.first?.service == "mina")
        #expect(items(recorded(bad), at: bad.now, isLatest: false).isEmpty)
        var fine = runbook("restart")
        fine.succeed()
        let done = items(recorded(fine), at: fine.now)
        #expect(done.map(\.topic) == [.changes])
        #expect(
            done.first?.text.hasPrefix("runbook down: restart by ana: The action was carried out.") == true
        )
    }

    @Test func `after a day without news nothing of a good run is left but its kept environment`() {
        var script = Script()
        script.goToFirstHold()
        while !script.state.isSettled {
            if case .watch = script.state.pending.first?.effect {
                script.judge(.passed(summary: "well"), after: .seconds(60))
            } else {
                script.succeed()
            }
        }
        let later = script.now.advanced(by: .minutes(24 * 60))
        let left = items(recorded(script), at: later)
        #expect(left.map(\.topic) == [.watch])
        #expect(left.first?.text == "blue is kept, so that users can be put back to it")
    }

    @Test func `every format has every topic`() throws {
        let (run, now) = rolledBack([Remark(.action, "Check <plans> | now", owner: "bo", due: "2020-01-01")])
        let handoff = Handoff(
            at: now,
            since: Script.begin,
            services: ["mina"],
            items: items(run, at: now),
            gaps: ["the balancers"]
        )
        try Snapshot.check(Snapshot.relative(handoff.text(Style(usesColor: false))), "handoff")
        try Snapshot.check(Snapshot.relative(handoff.markdown), "handoff-markdown")
        let json = JSON.text(handoff.json)
        for topic in Handoff.Topic.allCases { #expect(json.contains("\"\(topic.rawValue)\":[")) }
    }
}
