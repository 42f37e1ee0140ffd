@testable import DeployCommands
import DeployCore
import DeployPorts
import Foundation
import Testing

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
            "time", "b",
            "span",
        ]
        #expect(tags.isSubset(of: ours), "\(tags.subtracting(ours))")
    }

    @Test func `the Markdown has the cause as text, and no markup of others in its lines`() {
        let markdown = report().markdown
        for line in markdown.split(separator: "\n") where !line.hasPrefix("    ") {
            #expect(!line.contains("<img"), "\(line)")
        }
        #expect(!markdown.contains("\u{1B}"))
        #expect(markdown.contains("## Cause\n\n    <img"))
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
}
