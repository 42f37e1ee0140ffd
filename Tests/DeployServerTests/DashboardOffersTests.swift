@testable import DeployOperations
@testable import DeployServer
import DeployCore
import DeployPorts
import Testing

@Suite struct DashboardOffersTests {
    private static func offers(_ story: Story, _ visitor: Visitor = .with([.deploy, .approve])) -> [Offer] {
        Offer.all(in: story.script.state, to: visitor.principal, at: story.script.now)
    }

    private static let expected: [(Story, deploy: [Offer], approve: [Offer])] = [
        (.preparing, [.pause, .abort], []),
        (.gate, [.pause, .abort], [.approve]),
        (.hold, [.promote, .promoteFully, .pause, .rollback], []),
        (.paused, [.promote, .promoteFully, .proceed, .rollback], []),
        (.goingBack, [], []), (.rolledBack, [], []), (.rollbackFailed, [.rollback], []), (.failed, [], []),
        (.released, [.rollback], []),
    ]

    @Test(arguments: Self.expected.indices) func `what is offered is what the run would take`(_ index: Int) {
        let (story, deploy, approve) = Self.expected[index]
        #expect(Self.offers(story, .with([.deploy])) == deploy)
        #expect(Self.offers(story, .with([.approve])) == approve)
        #expect(Self.offers(story, .with([.admin])) == approve + deploy)
        #expect(Self.offers(story, .with([.read])).isEmpty)
        #expect(Self.offers(story, .with([.admin], services: ["api"])).isEmpty)
        #expect(Self.offers(story, .with([.admin], services: ["mina"])) == approve + deploy)
    }

    @Test(arguments: Self.expected.indices) func `the page has a form for what is offered, and no other`(
        _ index: Int
    ) {
        let story = Self.expected[index].0
        for scopes in [[], [Scope.read], [.deploy], [.approve], [.admin]] as [Set<Scope>] {
            let visitor = Visitor.with(scopes)
            let actions = ParsedPage(DashboardPagesTests.page(of: story, visitor)).actions
            let isSettled = story.script.state.isSettled
            let wanted = Self.offers(story, visitor).map { offer in
                offer == .rollback && isSettled
                    ? "/services/mina/rollback" : "/runs/\(Script.run)/\(offer.command.word)"
            }
            #expect(Set(actions) == Set(wanted + ["/logout"]))
        }
    }

    @Test func `without a proof to send there is no form at all`() {
        let principal = Visitor.with([.admin]).principal
        let visitor = Visitor(principal: principal, csrf: nil)
        #expect(ParsedPage(DashboardPagesTests.page(of: .hold, visitor)).actions.isEmpty)
        let entry = Dashboard.ServiceEntry(
            name: "mina",
            status: .success(Story.released.status()),
            lastRelease: nil
        )
        let page = Dashboard.service(.init(service: entry, runs: []), visitor: visitor, now: Script.begin)
        #expect(ParsedPage(page).actions.isEmpty)
    }

    @Test func `who has approved is not asked again`() {
        let step = Step(
            id: StepID(rawValue: "validate/1"),
            title: "two people",
            kind: .approval(people: 2),
            deadline: .minutes(60)
        )
        var story = Story(phases: [
            .steps(phase: StepsPhase(.validate, groups: [[step]])), .shift(phase: .instant),
            .monitor(phase: MonitorPhase()),
        ])
        let visitor = Visitor.with([.approve])
        story.change { $0.start() }
        #expect(Self.offers(story, visitor) == [.approve])
        story.change { $0.command(.approve, by: visitor.principal.actor.name) }
        let other = Visitor(
            principal: Principal(name: "bo", via: "session 77c1", source: "10.0.0.8", scopes: [.approve]),
            csrf: "csrf-of-bo"
        )
        let page = ParsedPage(DashboardPagesTests.page(of: story, other)).text
        #expect(page.contains("“two people” takes 2 people, of whom 1 approved already."))
        #expect(Self.offers(story, visitor).isEmpty)
    }

    @Test func `going back asks why, and says what it takes users back to`() throws {
        let page = ParsedPage(DashboardPagesTests.page(of: .hold))
        let reason = try #require(page.all("input").first { $0.attributes["id"] == "reason-rollback" })
        #expect(reason.attributes["required"] != nil)
        #expect(page.text.contains("Yes, put all users back on blue (v2.4.1)"))
    }

    @Test func `a schema that the old version does not bear takes a tick to go back all the same`() throws {
        let story = Story.released
        let page = Dashboard.RunPage(
            run: story.run,
            status: story.status(),
            report: story.report,
            obstacle: "0042 drops what v2.4.1 reads"
        )
        let parsed = ParsedPage(Dashboard.run(page, visitor: .with([.deploy]), now: story.script.now))
        let force = try #require(parsed.all("input").first { $0.attributes["name"] == "force" })
        #expect(force.attributes["required"] != nil && parsed.text.contains("0042 drops what v2.4.1 reads"))
        let open = ParsedPage(DashboardPagesTests.page(of: story)).all("input")
        #expect(!open.contains { $0.attributes["name"] == "force" })
    }

    @Test func `a version is released from the service's page by those who may`() {
        func actions(_ scopes: Set<Scope>, _ story: Story) -> [ParsedPage.Element] {
            let status = Result<ServiceStatus, CommandFailure>.success(story.status())
            let entry = Dashboard.ServiceEntry(name: "mina", status: status, lastRelease: nil)
            let page = Dashboard.service(
                .init(service: entry, runs: []),
                visitor: .with(scopes),
                now: Script.begin
            )
            return ParsedPage(page).elements
        }
        func hasForm(_ elements: [ParsedPage.Element]) -> Bool {
            elements.contains { $0.attributes["action"] == "/services/mina/run" }
        }
        #expect(hasForm(actions([.deploy], .released)))
        #expect(!hasForm(actions([.approve], .released)) && !hasForm(actions([.read], .released)))
        // While a run is under way another one has to wait for it.
        let queue = actions([.deploy], .hold).first { $0.attributes["name"] == "queue" }
        #expect(queue?.attributes["required"] != nil)
        #expect(!actions([.deploy], .released).contains { $0.attributes["name"] == "queue" })
    }
}
