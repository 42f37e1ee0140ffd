@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Testing
import TrafficJudgement

/// A run told after the fact, with text in it that others wrote.
struct RunReportTests {
    private let evil = "<img src=x onerror=alert(1)> | \u{1B}[2J & \"q\""

    private func report() -> RunReport {
        var script = Script()
        script.goToFirstHold()
        script.judge(.rollBack(reason: evil), after: .seconds(30))
        script.succeed("blue 100 %, green 0 %", after: .seconds(2))
        script.succeed(evil)
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        return RunReport(RecordedRun(record: record, entries: script.entries, state: script.state))
    }

    @Test func `impact is the largest share and the time it lasted`() {
        let report = report()
        #expect(report.outcome == "It was rolled back; users are on blue.")
        #expect(report.impact == "green had up to 10 % of the traffic, for 32s.")
    }

    @Test func `nothing in the HTML is markup but ours`() {
        let html = report().html
        #expect(!html.contains("<img"))
        #expect(!html.contains("\u{1B}"))
        #expect(html.contains("&lt;img src=x onerror=alert(1)&gt;"))
        #expect(html.contains("&amp; "))
        let tags = Set(html.matches(of: /<\/?([a-z0-9]+)/).map { String($0.output.1) })
        let ours: Set = [
            "html", "meta", "title", "style", "h1", "h2", "p", "table", "tr", "th", "td", "pre", "ol", "li",
            "time", "b", "span", "ul", "code",
        ]
        #expect(tags.isSubset(of: ours), "\(tags.subtracting(ours))")
    }

    @Test func `the Markdown has the cause as text, and no markup of others in its lines`() {
        let markdown = report().markdown
        for line in markdown.split(separator: "\n") where !line.hasPrefix("    ") {
            #expect(!line.contains("<img"), "\(line)")
        }
        #expect(!markdown.contains("\u{1B}"))
        #expect(markdown.contains("What ended the run:\n\n    <img"))
        #expect(markdown.contains("&lt;img src=x onerror=alert(1)> \\|"))
    }

    @Test func `the JSON has the same facts`() throws {
        let text = JSON.text(report().json)
        let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(read["state"] as? String == "rolledBack")
        #expect(read["cause"] as? String == evil)
        #expect(read["exposureSeconds"] as? Double == 32)
        let shares = try #require(read["shares"] as? [[String: Any]])
        #expect(shares.compactMap { $0["candidate"] as? Double } == [10, 0])
        #expect((read["timeline"] as? [Any])?.isEmpty == false)
    }
    // MARK: evidence

    /// Every second request of green's fails from second 40 on.
    private func watched(person: Bool = false) -> RunReport {
        var run = WatchedRun()
        run.watch(person ? 40 : 120) { WatchedRun.Second(errors: $0 >= 40 ? 10 : 0) }
        if person { run.command(.rollback(gradual: false)) }
        run.finish()
        var judge = run.ownJudge
        judge.severities = (try? Condition("> 3%")).map { [Severity(name: "P1", errors: $0)] } ?? []
        return RunReport(run.recorded, judge: judge)
    }

    @Test func `the evidence says what was seen, against what, how sure, since when`() throws {
        let report = watched()
        let findings = try #require(report.findings)
        let row = try #require(findings.rows.first)
        #expect(row.metric == "err_rel")
        #expect(row.isEnough)
        #expect(row.seen.hasPrefix("green 10 of 20 failed (50.0 %), blue 0 of 180 failed (0.0 %)"))
        #expect(row.sure.hasPrefix("by chance in less than 1 of "))
        let at = try #require(findings.traffic.rollback).at
        #expect(row.when.hasSuffix(Clock.time(at)))
        #expect(findings.certificates.map(\.step) == [1])
    }

    @Test func `the chart in the HTML has both environments, the limit and the rollback`() throws {
        let html = watched().html
        let svg = try #require(html.firstMatch(of: /<svg[\s\S]*<\/svg>/)).output
        for part in [
            "class=\"blue\"", "class=\"wide green\"", "a rollback takes 5.7", ">rolled back<",
            "class=\"evidence\"",
        ] {
            #expect(svg.contains(part), "\(part)")
        }
        #expect(!html.contains("<script"))
        #expect(!svg.contains("nan") && !svg.contains("inf") && !svg.contains("?"))
        let tags = Set(html.matches(of: /<\/?([a-z0-9]+)/).map { String($0.output.1) })
        #expect(tags.isSuperset(of: ["svg", "path", "line", "text", "figure"]))
    }

    @Test func `the Markdown has rows of bars that end where the candidate failed`() throws {
        let lines = watched().markdown.split(separator: "\n").map(String.init)
        let green = try #require(lines.first { $0.hasPrefix("errors green") })
        #expect(green.hasSuffix("█  at most 50.0 %"), "\(green)")
        let blue = try #require(lines.first { $0.hasPrefix("errors blue") })
        #expect(!blue.contains("█"), "\(blue)")
        #expect(lines.contains { $0.hasPrefix("| **err_rel**: green fails more often than blue |") })
    }

    @Test func `a person's rollback has an impact and a severity of what was counted`() {
        let report = watched(person: true)
        #expect(report.harm?.hasPrefix("P1: 10 of 800 requests to green failed in 40 s, 10 more") == true)
    }

    @Test func `the JSON has the figures second by second`() throws {
        let text = JSON.text(watched().json)
        let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let harm = try #require(read["harm"] as? [String: Any])
        #expect(harm["failed"] as? Int == harm["caused"] as? Int)
        let evidence = try #require(read["evidence"] as? [String: Any])
        let seconds = try #require(evidence["seconds"] as? [[String: Any]])
        let last = try #require(seconds.last)
        #expect((last["candidate"] as? [String: Any])?["errors"] as? Int == 10)
        let against = try #require(evidence["against"] as? [[String: Any]])
        let highest = try #require(against.first?["evidence"] as? Double)
        #expect((last["evidence"] as? [String: Any])?["err_rel"] as? Double == highest)
    }

    @Test func `a run without figures has a report without evidence`() {
        let report = report()
        #expect(report.findings == nil && report.harm == nil)
        #expect(!report.markdown.contains("## Evidence") && !report.html.contains("<svg"))
    }
}
