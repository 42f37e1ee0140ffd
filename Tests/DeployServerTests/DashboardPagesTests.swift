@testable import DeployOperations
@testable import DeployServer
import DeployCore
import DeployPorts
import Foundation
import FoundationXML
import Testing

/// A page as a parser of XML sees it.
final class ParsedPage: NSObject, XMLParserDelegate {
    struct Element {
        let tag: String
        let attributes: [String: String]
    }

    private(set) var elements: [Element] = []
    private(set) var text = ""
    private(set) var problem: String?

    init(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        if !parser.parse() {
            problem = "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "?")"
        }
    }

    func parser(
        _ parser: XMLParser,
        didStartElement tag: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.append(Element(tag: tag, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func all(_ tag: String) -> [Element] { elements.filter { $0.tag == tag } }
    /// What its forms are sent to.
    var actions: [String] { all("form").compactMap { $0.attributes["action"] } }
}

@Suite struct DashboardPagesTests {
    static let now = Script.begin.advanced(by: .minutes(60 * 24))

    static func page(of story: Story, _ visitor: Visitor = .with([.deploy, .approve])) -> String {
        let page = Dashboard.RunPage(run: story.run, status: story.status(), report: story.report)
        return Dashboard.run(page, visitor: visitor, now: story.script.now)
    }

    /// Every page in every state.
    static func all() -> [(name: String, text: String)] {
        let visitor = Visitor.with([.deploy, .approve])
        var pages: [(String, String)] = []
        var entries: [Dashboard.ServiceEntry] = []
        for (name, story) in Story.all {
            let entry = Dashboard.ServiceEntry(
                name: name,
                status: .success(story.status()),
                lastRelease: story.run
            )
            entries.append(entry)
            let service = Dashboard.ServicePage(service: entry, runs: [RunSummary(story.run)])
            pages += [
                ("run \(name)", page(of: story, visitor)),
                ("report \(name)", Dashboard.report(story.report, visitor: visitor, now: now)),
                ("service \(name)", Dashboard.service(service, visitor: visitor, now: now)),
            ]
        }
        let failure = CommandFailure(.badInput, "mina.yml:3:1: `stratgy` is not known here")
        let broken = Dashboard.ServiceEntry(name: "broken", status: .failure(failure), lastRelease: nil)
        let history = Dashboard.HistoryPage(
            runs: Story.all.map { RunSummary($0.story.run) },
            services: ["mina", "api"],
            service: "mina",
            next: "01K",
            isContinued: true
        )
        return pages + [
            ("overview", Dashboard.overview(services: entries + [broken], visitor: visitor, now: now)),
            ("nothing", Dashboard.overview(services: [], visitor: visitor, now: now)),
            (
                "broken",
                Dashboard.service(
                    Dashboard.ServicePage(service: broken, runs: [], problem: "no"),
                    visitor: visitor,
                    now: now
                )
            ),
            ("history", Dashboard.history(history, visitor: visitor, now: now)),
            ("login", Dashboard.login(problem: "This token is not known.", next: "/runs/01")),
            (
                "problem",
                Dashboard.problem(status: 404, title: "No", detail: "none", visitor: nil, now: now)
            ),
        ]
    }

    @Test func `every page is well-formed, and runs nothing of its own`() {
        for (name, text) in Self.all() {
            let page = ParsedPage(text)
            #expect(page.problem == nil, "\(name): \(page.problem ?? "")")
            #expect(page.all("style").isEmpty && page.all("main").count == 1, "\(name)")
            #expect(page.all("script").map { $0.attributes["src"] } == ["/assets/dashboard.js"], "\(name)")
            let attributes = page.elements.flatMap { $0.attributes.keys }
            #expect(!attributes.contains { $0 == "style" || $0.hasPrefix("on") }, "\(name)")
            let ids = page.elements.compactMap { $0.attributes["id"] }
            #expect(Set(ids).count == ids.count, "\(name) has an identity twice: \(ids)")
        }
    }

    @Test func `whatever is linked to, loaded or sent to is of this server`() {
        for (name, text) in Self.all() {
            let page = ParsedPage(text)
            for element in page.elements where element.tag != "link" {
                for key in ["href", "src", "action", "data-events"] {
                    guard let address = element.attributes[key] else { continue }
                    #expect(
                        address == "#main" || (address.hasPrefix("/") && !address.hasPrefix("//")),
                        "\(name): \(address)"
                    )
                }
            }
        }
    }

    @Test func `a form that was refused keeps what was typed`() throws {
        let entry = Dashboard.ServiceEntry(
            name: "mina",
            status: .success(Story.hold.status()),
            lastRelease: nil
        )
        let typed = ["version": "v9", "strategy": "sideways", "reason": "\"why\" <b>", "queue": "true"]
        let page = Dashboard.ServicePage(service: entry, runs: [], problem: "no such strategy", typed: typed)
        let visitor = Visitor.with([.deploy])
        let inputs = ParsedPage(Dashboard.service(page, visitor: visitor, now: Self.now)).all("input")
        for (name, value) in typed {
            let input = try #require(inputs.first { $0.attributes["id"] == "field-\(name)" })
            #expect(input.attributes["value"] == value, "\(name)")
            #expect((input.attributes["checked"] != nil) == (name == "queue"))
        }
    }

    @Test func `every form that changes something is posted with the visitor's proof`() {
        for (name, text) in Self.all() where name != "login" {
            let page = ParsedPage(text)
            let posts = page.all("form").filter { $0.attributes["method"] == "post" }
            let proofs = page.all("input").filter { $0.attributes["name"] == "csrf" }
            #expect(posts.count == proofs.count, "\(name)")
            #expect(proofs.allSatisfy { $0.attributes["value"] == "csrf-of-ana" }, "\(name)")
        }
    }

    @Test func `the first thing that a run's page says is which version users are on`() {
        let hold = Self.page(of: .hold)
        #expect(hold.contains(#"aria-label="90 % on blue, version v2.4.1; 10 % on green, version v2.5.0""#))
        #expect(hold.contains(">Put all users back on blue (v2.4.1)<"))
        let released = Self.page(of: .released)
        #expect(released.contains(#"aria-label="all users on green, version v2.5.0""#))
    }

    @Test func `an older run's page does not say where users are now`() {
        let story = Story.rolledBack
        let newer = ServiceStatus(service: "mina", balancers: [], run: nil, holder: nil)
        let page = Dashboard.RunPage(run: story.run, status: newer, report: story.report)
        let text = Dashboard.run(page, visitor: .with([.admin]), now: Self.now)
        #expect(text.contains("another came after it"))
        #expect(!text.contains("class=\"users\"") && !text.contains("class=\"offers\""))
    }

    @Test func `what waits for a person stands first, and in the title`() {
        let entries = Story.all.map { name, story in
            Dashboard.ServiceEntry(name: name, status: .success(story.status()), lastRelease: nil)
        }
        let text = Dashboard.overview(services: entries, visitor: .with([.read]), now: Self.now)
        #expect(text.contains("<title>(3) Services</title>"))
        #expect(text.contains(#"data-news="Waits for a person: gate, paused, rollback-failed""#))
    }

    @Test func `a run that nobody drives is called interrupted and waits for a person`() {
        let story = Story.hold
        let page = Dashboard.RunPage(
            run: story.run,
            status: story.status(isDriven: false),
            report: story.report
        )
        let text = Dashboard.run(page, visitor: .with([.deploy]), now: Self.now)
        #expect(text.contains("<title>interrupted: mina v2.5.0</title>"))
        #expect(text.contains("No process drives this run"))
    }

    @Test func `a balancer that does not answer is no reason to call the split known`() {
        let story = Story.hold
        let split = story.script.state.split
        let seen = BalancerObservation(split: split, fileSplit: nil, fileDigest: "")
        let status = ServiceStatus(
            service: "mina",
            balancers: [
                .init(name: "nginx", result: .success(seen)),
                .init(name: "haproxy", result: .failure(.unreachable("its socket does not answer"))),
            ],
            run: story.run,
            holder: story.status().holder
        )
        let page = Dashboard.RunPage(run: story.run, status: status, report: story.report)
        let text = Dashboard.run(page, visitor: .with([.deploy]), now: Self.now)
        #expect(text.contains("the balancers do not say it with one voice now"))
        #expect(text.contains("haproxy: its socket does not answer"))
    }

    @Test func `an open run's page follows the journal behind its last entry`() {
        let story = Story.hold
        let events = "/v1/runs/\(Script.run)/events?after=\(story.run.lastEvent)"
        #expect(ParsedPage(Self.page(of: story)).all("main").first?.attributes["data-events"] == events)
        // Nothing more comes; but somebody else may change the traffic.
        let settled = ParsedPage(Self.page(of: .rolledBack)).all("main").first?.attributes
        #expect(settled?["data-events"] == nil && settled?["data-every"] == "30")
    }
}
