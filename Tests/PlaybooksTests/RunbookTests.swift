import DeployCore
import DeployPorts
import Playbooks
import Synchronization
import Testing

@Suite struct RunbookTests {
    static let base = """
        runbook: down
        service: mina
        title: It is down

        """

    static let full =
        base + """
            severity: P2
            symptoms: [nothing answers]
            url: https://mina.example.com
            variables: { unit: mina-green }
            notify: [{ slack: "${secret.SLACK}", on: [incident, severity:P0], escalate: [{ after: 15m, to: lead }] }]
            look:
              - http: { get: /health }
                name: the site answers
                severity: P0
                hint: A crash?
                suggests: [restart]
              - run: [systemctl, status, "${unit}"]
                reads: true
                shows: true
              - metric: { from: { http: /metrics, value: errors } }
                severity: { P1: "> 3%", P0: "> 5%" }
            actions:
              restart:
                title: Restart it
                steps:
                  - approval: { by: 2 }
                  - run: [systemctl, restart, "${unit}"]
                    shows: true
              scale:
                title: More of it
                steps: [{ run: [scale, "${service}", "${url}"] }]
                verify: [{ http: { get: /health }, retry: { attempts: 3 } }]
            manual: [Tell the others]

            """

    static func loaded(_ text: String = full) throws -> Playbook {
        try Playbook.load(text: text, path: "book.yml", catalogue: StubCatalogue.catalogue).get()
    }

    static func plan(_ playbook: Playbook, _ action: String = RunbookPart.look) throws -> FrozenPlan {
        playbook.plan(
            version: try #require(Version(rawValue: action)),
            previousVersion: nil,
            stable: RunbookPart.environments.stable,
            candidate: RunbookPart.environments.candidate
        )
    }

    @Test func `a look is one phase of checks that go on whatever fails`() throws {
        let playbook = try Self.loaded()
        #expect(playbook.service == "mina:down")
        let plan = try Self.plan(playbook).plan
        guard case .steps(let look) = plan.phases.first, plan.phases.count == 1 else {
            Issue.record("\(plan.phases)")
            return
        }
        #expect(look.name == .look)
        // The three only look, and so run side by side.
        #expect(look.groups.map(\.count) == [3])
        #expect(look.groups.joined().allSatisfy { $0.onFailure == .proceed })
        let part = try #require(plan.runbook)
        #expect(part.checks.map(\.severity) == [.p0, .p2, nil])
        #expect(part.checks.first?.suggests == ["restart"])
        #expect(part.checks.first?.hint == "A crash?")
    }

    @Test func `an action does its steps and then looks, or verifies in its own way`() throws {
        let playbook = try Self.loaded()
        let restart = try Self.plan(playbook, "restart").plan
        #expect(restart.phases.map(\.name) == [.act, .verify])
        #expect(restart.runbook?.action == "restart")
        #expect(restart.runbook?.checks.map(\.step.rawValue) == ["verify/1", "verify/2", "verify/3"])
        guard case .steps(let act) = restart.phases.first else { return }
        #expect(act.groups.joined().map(\.kind) == [.approval(people: 2), .action])
        #expect(act.groups.joined().allSatisfy { $0.onFailure == .stop })
        #expect(try Self.plan(playbook, "scale").plan.runbook?.checks.count == 1)
    }

    @Test func `values are the runbook's own`() async throws {
        let playbook = try Self.loaded(
            Self.full.replacing("notify:", with: "notify: []\nx:").split(separator: "\n")
                .filter { !$0.hasPrefix("x:") }.joined(separator: "\n") + "\n"
        )
        let values = try await playbook.values(
            for: try Self.plan(playbook).plan,
            run: RunID(rawValue: "01A"),
            environment: [:]
        )
        #expect(values.plain["unit"] == "mina-green")
        #expect(values.plain["service"] == "mina")
        #expect(values.plain["candidate.url"] == "https://mina.example.com")
        #expect(values.plain["version"] == nil)
    }

    @Test func `channels know the topics of runbooks`() throws {
        let playbook = try Self.loaded()
        #expect(playbook.notify.first?.topics == [.incident, .severity("P0")])
        let usual = try Self.loaded(
            Self.base + "notify: [{ slack: a }]\nlook: [{ http: { get: /x } }]\nurl: http://a\n"
        )
        #expect(usual.notify.first?.topics == [.incident, .resolved, .started])
    }

    static let mistakes: [(text: String, place: String, words: [String])] = [
        ("look: [{ run: [rm, x] }]\n", "4:10", ["`look` only looks", "reads: true"]),
        ("look: [{ backup: {}, reads: true }]\n", "4:29", ["`reads` is for run", "`backup` knows itself"]),
        ("look: [{ backup: {} }]\n", "4:10", ["belongs into an action"]),
        ("look: []\n", "4:7", ["must have a check"]),
        ("look: [{ tcp: a, severity: P7 }]\n", "4:28", ["P0, P1, P2, P3", "`P7`"]),
        ("look: [{ tcp: a, severity: { P1: '> 3%' } }]\n", "4:28", ["only `metric`"]),
        ("look: [{ tcp: a, suggests: [restart] }]\n", "4:29", ["no action `restart`", "has none"]),
        ("look: [{ tcp: a, on_failure: stop }]\n", "4:18", ["no key `on_failure`", "severity"]),
        ("look: [{ metric: { from: { command: [a] } } }]\n", "4:8", ["`expect`", "severity"]),
        (
            "look: [{ metric: { from: { command: [a] }, expect: ok } }]\n", "4:52",
            ["bound of the figure", "`ok`"]
        ),
        ("look: [{ metric: { from: balancer, expect: '< 1' } }]\n", "4:26", ["http, prometheus or command"]),
        ("look: [{ tcp: '${version}' }]\n", "4:15", ["a runbook releases nothing"]),
        ("look: [{ tcp: '${url}' }]\n", "4:15", ["no `url`"]),
        ("look: [{ tcp: '${unti}' }]\nvariables: { unit: a }\n", "4:15", ["did you mean `${unit}`"]),
        ("look: [{ tcp: a }]\nvariables: { service: a }\n", "5:14", ["no name that has a value"]),
        (
            "look: [{ tcp: a }]\nactions: { look: { title: a, steps: [{ run: [a] }] } }\n", "5:12",
            ["not `look`"]
        ),
        ("look: [{ tcp: a }]\nactions: { a: { title: a, steps: [] } }\n", "5:34", ["must have a step"]),
        ("look: [{ tcp: a }]\nenvironments: {}\n", "5:1", ["a runbook has no key `environments`"]),
        ("look: [{ tcp: a }]\nnotify: [{ slack: a, on: [rolled_back] }]\n", "5:27", ["incident, resolved"]),
    ]

    @Test(arguments: mistakes.indices)
    func `mistakes are told with their places`(index: Int) {
        let mistake = Self.mistakes[index]
        expect(Book.mistakes(in: Self.base + mistake.text), [(mistake.place, mistake.words)])
    }

    @Test func `a suggestion that is nearly right is mended`() {
        let text =
            Self.base + "look: [{ tcp: a, suggests: [restrat] }]\n"
            + "actions: { restart: { title: a, steps: [{ run: [a] }] } }\n"
        expect(Book.mistakes(in: text), [("4:29", ["did you mean `restart`?"])])
    }

    // MARK: figures

    private static func perform(
        _ more: String,
        figure: Double
    ) async throws -> (Result<String, StepFailure>, [Note]) {
        let playbook = try loaded(
            base + "look: [{ metric: { from: { command: [\"\(figure)\"] }\(more) }]\n"
        )
        let frozen = try plan(playbook)
        let action = try #require(frozen.actions.values.first)
        let notes = Mutex<[Note]>([])
        let attempt = StepAttempt(
            run: RunID(rawValue: "01A"),
            step: StepID(rawValue: "look/1"),
            number: 1,
            deadline: .seconds(1),
            values: Values(),
            folder: "/tmp",
            report: { _ in },
            note: { note in notes.withLock { $0.append(note) } }
        )
        do throws(StepFailure) {
            return (.success(try await action.perform(attempt).summary), notes.withLock { $0 })
        } catch {
            return (.failure(error), notes.withLock { $0 })
        }
    }

    @Test(arguments: [(0.06, "P0"), (0.05, "P1"), (0.031, "P1"), (0.03, nil)])
    func `the gravest severity that holds is the figure's`(figure: Double, severity: String?) async throws {
        let (result, notes) = try await Self.perform(
            " }, severity: { P1: '> 3%', P0: '> 5%' }",
            figure: figure
        )
        #expect(notes.first?.facts["severity"] == severity)
        #expect((try? result.get()) == (severity == nil ? "3 %" : nil))
    }

    @Test(arguments: [("< 80", 79.0, true), ("< 80", 80.0, false), (">= 1", 1.0, true), ("!= 0", 0.0, false)])
    func `a figure is what is expected, or the check fails`(
        bound: String,
        figure: Double,
        isMet: Bool
    ) async throws {
        let (result, notes) = try await Self.perform(", expect: '\(bound)' }", figure: figure)
        #expect(((try? result.get()) != nil) == isMet)
        #expect(notes.isEmpty)
    }

    @Test func `metric is a step of playbooks too, and needs something to expect there`() throws {
        let step = "metric: { from: { prometheus: 'http://p', query: up }, expect: '== 1' }"
        let playbook = try Book.loaded(
            "preflight: [{ \(step) }]\nafterwards: [{ in: 1h, do: [{ \(step) }] }]\n"
        )
        #expect(playbook.references.isEmpty)
        expect(
            Book.mistakes(in: Book.base + "preflight: [{ metric: { from: { command: [a] } } }]\n"),
            [("8:23", ["`metric` needs the key `expect`"])]
        )
    }
}
