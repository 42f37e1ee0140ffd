@testable import DeployOperations
@testable import DeployServer
import DeployCore
import DeployPorts
import Testing

@Suite struct DashboardEscapingTests {
    static let hostile = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "]]>",
        "<!--",
        "&lt;b&gt;", "\u{1B}]52;c;aGk=\u{07}", "\u{202E}txt.exe", "\u{061C}\u{2067}a", "\u{0}\u{85}\u{FFFE}",
        "javascript:alert(1)", "../../etc/passwd", "a`b", "</title></textarea></style>",
    ]

    /// Everything that comes from elsewhere says `text`.
    private static func pages(_ text: String) -> [String] {
        let step = Step(id: StepID(rawValue: "prepare/\(text)"), title: text)
        let phases: [Phase] = [
            .steps(phase: StepsPhase(.prepare, groups: [[step]])),
            .steps(
                phase: StepsPhase(
                    .validate,
                    groups: [[Step(id: StepID(rawValue: "validate/1"), title: text)]]
                )
            ),
            .shift(phase: .instant), .monitor(phase: MonitorPhase()),
        ]
        var story = Story(phases: phases)
        story.change { script in
            script.start()
            script.succeed(text)
            script.happen(.noted(note: Note(topic: "drift", text: text)))
            script.command(.pause, by: text, text)
            script.fail(text)
        }
        let status = story.status(remarks: [text])
        let visitor = Visitor(
            principal: Principal(name: text, via: "session \(text)", source: text, scopes: [.admin]),
            csrf: text
        )
        let now = story.script.now
        let run = Dashboard.RunPage(
            run: story.run,
            status: status,
            report: story.report,
            logs: [step.id: Dashboard.StepLog(end: text, isCut: true)],
            obstacle: text
        )
        var report = story.report
        report.loads = [(text, text)]
        let failure = Dashboard.ServiceEntry(
            name: text,
            status: .failure(CommandFailure(.badInput, text)),
            lastRelease: nil
        )
        let entry = Dashboard.ServiceEntry(name: text, status: .success(status), lastRelease: story.run)
        let history = Dashboard.HistoryPage(
            runs: [RunSummary(story.run)],
            services: [text],
            service: text,
            next: text,
            isContinued: true
        )
        return [
            Dashboard.run(run, visitor: visitor, now: now),
            Dashboard.report(report, visitor: visitor, now: now),
            Dashboard.overview(services: [failure, entry], visitor: visitor, now: now),
            Dashboard.service(.init(service: entry, runs: [], problem: text), visitor: visitor, now: now),
            Dashboard.service(.init(service: failure, runs: []), visitor: visitor, now: now),
            Dashboard.history(history, visitor: visitor, now: now),
            Dashboard.login(problem: text, next: text),
            Dashboard.problem(status: 500, title: text, detail: text, visitor: visitor, now: now),
        ]
    }

    @Test(arguments: hostile) func `what comes from elsewhere stays text`(_ text: String) {
        let harmless = Self.pages("harmless")
        for (page, model) in zip(Self.pages(text), harmless) {
            let (parsed, expected) = (ParsedPage(page), ParsedPage(model))
            #expect(parsed.problem == nil, "\(parsed.problem ?? "")")
            // The same elements and attributes, whatever was said in them; code is made of backticks.
            func shape(_ page: ParsedPage) -> [String] {
                page.elements.filter { $0.tag != "code" }.map { element in
                    "\(element.tag) \(element.attributes.keys.sorted().joined(separator: " "))"
                }
            }
            let isSame = shape(parsed) == shape(expected)
            #expect(isSame, "the page has other elements with \(text.debugDescription)")
        }
    }

    @Test(arguments: hostile) func `a page has nothing in it that turns a line around or steers`(
        _ text: String
    ) {
        for page in Self.pages(text) {
            let steers = page.unicodeScalars.contains { scalar in
                switch scalar.value {
                case 0x0A: false
                case 0x00...0x1F, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: true
                default: false
                }
            }
            #expect(!steers)
        }
    }

    @Test func `a name is one segment of an address, whatever is in it`() {
        #expect(Place.service("a/../b?c#d").path == "/services/a%2F..%2Fb%3Fc%23d")
        #expect(Place.history(service: "a&b=c", cursor: nil).path == "/history?service=a%26b%3Dc")
        #expect(
            Place.log(RunID(rawValue: "01"), StepID(rawValue: "warm_up/2")).path
                == "/v1/runs/01/steps/warm_up-2/log"
        )
    }

    @Test func `what stands between backticks is code, and a backtick alone is itself`() {
        #expect(Told.words("go on: `bgdeploy resume` now").text == "go on: <code>bgdeploy resume</code> now")
        #expect(Told.words("a ` b").text == "a ` b")
    }

    @Test func `elements that may be empty are closed, and others have an end`() {
        #expect(tag("br").text == "<br/>")
        #expect(tag("script", .other("src", "/a")).text == #"<script src="/a"></script>"#)
        #expect(tag("p", .style("a\"b")) { "<'&>" }.text == #"<p class="a&quot;b">&lt;&#39;&amp;&gt;</p>"#)
    }
}
