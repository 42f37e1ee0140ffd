@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing
import TrafficJudgement

/// A run that went wrong, told as an incident; one that went well stays a short report.
struct IncidentReportTests {
    /// Every second request of green's fails from second 40 on; the way back takes `seconds`.
    private func report(
        wayBack seconds: Int64 = 2,
        promises: [Playbook.WayBack: Span] = [.canary: .minutes(2)],
        _ remarks: [Remark] = []
    ) -> RunReport {
        var run = WatchedRun()
        run.watch(120) { WatchedRun.Second(errors: $0 >= 40 ? 10 : 0) }
        run.pass(.seconds(seconds - 1))
        run.finish()
        if !remarks.isEmpty {
            run.pass(.minutes(60))
            run.command(.note(remarks: remarks))
        }
        var judge = run.ownJudge
        judge.severities = [("P1", "> 3%"), ("P2", "> 1%"), ("P3", "> 0.5%")].compactMap { name, text in
            (try? Condition(text)).map { Severity(name: name, errors: $0) }
        }
        judge.promises = promises
        return RunReport(run.recorded, judge: judge)
    }

    private static let told = [
        Remark(.cause, "A lost index"), Remark(.resolution, "Built it again"),
        Remark(.lesson, "Look at plans first"), Remark(.impact, "500 users saw errors; no payment failed"),
        Remark(.action, "Check plans in CI", owner: "@dba", due: "2026-12-20"),
        Remark(.action, "Alert on | <slow> plans"), Remark(.done, "2"), Remark(.note, "Support knows"),
    ]

    @Test func `an incident's report has all that its readers look for`() throws {
        try Snapshot.check(Snapshot.relative(report(Self.told).markdown), "report-incident")
    }

    @Test func `what nobody has told says what to type`() throws {
        let markdown = report().markdown
        try Snapshot.check(Snapshot.relative(markdown), "report-incident-untold")
        for option in [
            "--cause TEXT", "--resolution TEXT", "--lesson TEXT", "--impact TEXT", "--action TEXT",
        ] {
            #expect(markdown.contains("bgdeploy note \(Script.run) \(option)"), "\(option)")
        }
    }

    @Test func `a run that went well stays a short report`() throws {
        var script = Script()
        script.goToFirstHold()
        while !script.state.isSettled { script.goOn() }
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        let run = RecordedRun(record: record, entries: script.entries, state: script.state)
        let report = RunReport(run)
        #expect(report.incident == nil && report.wayBack == nil)
        try Snapshot.check(Snapshot.relative(report.markdown), "report-good")
    }

    @Test func `the way back is measured from the decision, and a broken promise is said`() throws {
        let kept = report(wayBack: 100)
        #expect(kept.wayBack?.kind == .canary)
        #expect(kept.wayBack?.took == .seconds(100))
        #expect(kept.isPromiseKept == true)
        let broken = report(wayBack: 121)
        #expect(broken.isPromiseKept == false)
        #expect(broken.markdown.contains("promised: 2m (PROMISE BROKEN)"))
        #expect(JSON.text(broken.json).contains("\"promisedSeconds\":120,\"kept\":false"))
        #expect(report(promises: [.instant: .seconds(1)]).isPromiseKept == nil)
    }

    @Test func `only the two gravest severities have a post-mortem, in three business days`() throws {
        let friday = try #require(CalendarDay("2026-11-20"))
        #expect(friday.after(businessDays: 3) == CalendarDay("2026-11-25"))
        #expect(report([Remark(.severity, "P2")]).incident?.postMortemDue != nil)
        let third = report([Remark(.severity, "P3")]).incident
        #expect(third?.severity == "P3")
        #expect(third?.postMortemDue == nil)
        let incident = try #require(report().incident)
        #expect(incident.severity == "P1")
        let end = try #require(incident.ended)
        #expect(incident.reportDue == end.advanced(by: .minutes(24 * 60)))
        #expect(incident.postMortemDue == Clock.day(end).after(businessDays: 3))
    }

    @Test func `a released run that a person calls an incident is one`() throws {
        var script = Script()
        script.goToFirstHold()
        while !script.state.isSettled { script.goOn() }
        script.command(.note(remarks: [Remark(.severity, "P0")]))
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        let report = RunReport(RecordedRun(record: record, entries: script.entries, state: script.state))
        #expect(report.incident?.severity == "P0")
        #expect(report.title == "Incident report: mina v2.5.0, succeeded")
    }

    @Test func `the same remark with other numbers is told once, with how often`() {
        var script = Script()
        script.goToFirstHold()
        for number in 1...4 {
            script.pass(.seconds(5))
            script.happen(.noted(note: Note(topic: "remark", text: "\(number) lines were lost")))
        }
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        let run = RecordedRun(record: record, entries: script.entries, state: script.state)
        let told = RunReport(run).storyline.filter { $0.text.contains("lines were lost") }.map(\.text)
        #expect(told == ["1 lines were lost (3 times more, last at \(Clock.time(script.now)))"])
    }

    @Test func `people's texts are no markup in any format`() {
        let report = report([Remark(.cause, "<img src=x> | \u{1B}[2J\n# not a title")])
        #expect(!report.html.contains("<img") && !report.html.contains("\u{1B}"))
        #expect(!report.markdown.contains("\n# not a title") && !report.markdown.contains("\u{1B}"))
    }
}

extension Script {
    /// What is under way succeeds.
    fileprivate mutating func goOn() {
        if case .watch = state.pending.first?.effect {
            judge(.passed(summary: "well"), after: .seconds(60))
        } else {
            succeed()
        }
    }
}
