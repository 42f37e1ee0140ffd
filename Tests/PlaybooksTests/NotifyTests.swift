import DeployCore
import DeployPorts
import Playbooks
import Synchronization
import Testing

@Suite struct NotifyTests {
    static let full = """
        severity: { P0: "> 5%", P1: "> 3%" }
        notify:
          - slack: "${secret.SLACK_URL}"
            on: [started, switched, rolled_back, rollback_failed, succeeded, waiting]
          - slack: "${secret.PAGER}"
            name: pager
            on: [rollback_failed, severity:P0, severity:P1]
            escalate: [{ after: 30m, to: lead }, { after: 1h, to: cto }]
        prepare:
          - notify: { text: "Deploying ${version}\\nsoon", to: [pager] }
          - notify: { text: "To our own", slack: "${secret.OTHER}" }

        """

    @Test func `channels come with their topics, names and escalations`() throws {
        let playbook = try Book.loaded(Self.full)
        #expect(playbook.notify.map(\.name) == ["slack", "pager"])
        #expect(playbook.notify[0].topics.contains(.waiting))
        #expect(!playbook.notify[0].topics.contains(.failed))
        #expect(playbook.notify[1].topics == [.rollbackFailed, .severity("P0"), .severity("P1")])
        #expect(
            playbook.notify[1].escalations == [
                NoticeChannel.Escalation(after: .minutes(30), to: "lead"),
                NoticeChannel.Escalation(after: .minutes(60), to: "cto"),
            ]
        )
        #expect(
            playbook.references.map(\.name).sorted() == [
                "secret.OTHER", "secret.PAGER", "secret.SLACK_URL", "version",
            ]
        )
    }

    @Test func `without on a channel is told what its kind is for`() throws {
        let playbook = try Book.loaded("notify: [{ slack: a }]\n")
        #expect(playbook.notify.first?.topics == [.started])
    }

    @Test func `a step's own channel is in the run's book, and severities grade by the playbook`() throws {
        let playbook = try Book.loaded(Self.full)
        let book = playbook.noticeBook(for: try Book.plan(playbook))
        #expect(book.channels.count == 2)
        #expect(book.ofSteps.keys.map(\.rawValue) == ["prepare/2"])
        #expect(book.grades.names == ["P0", "P1"])
        #expect([0.06, 0.04, 0.01].map { book.grades.name($0, 9) } == ["P0", "P1", nil])
    }

    @Test func `a step leaves word in the journal and succeeds`() async throws {
        let playbook = try Book.loaded(Self.full)
        let plan = try Book.plan(playbook)
        let notes = Mutex<[Note]>([])
        func perform(_ id: String, _ values: Values) async throws -> StepResult {
            let step = StepID(rawValue: id)
            let action = try #require(plan.actions[step])
            let attempt = StepAttempt(
                run: RunID(rawValue: "R"),
                step: step,
                number: 1,
                deadline: .seconds(5),
                values: values,
                folder: "/nowhere",
                report: { _ in },
                note: { note in notes.withLock { $0.append(note) } }
            )
            return try await action.perform(attempt)
        }
        let values = Values(plain: ["version": "v2.5.0"])
        #expect(try await perform("prepare/1", values).summary == "to be told: pager")
        #expect(try await perform("prepare/2", values).summary == "to be told: slack")
        let told = notes.withLock { $0 }
        #expect(told.map(\.topic) == ["notice", "notice"])
        #expect(told.map(\.facts) == [["to": "pager"], ["step": "prepare/2"]])
        #expect(told.first?.text.hasPrefix("Deploying v2.5.0") == true)
        let nobody = try await perform("prepare/1", Values())
        #expect(nobody.summary.hasPrefix("nobody was told: "))
    }

    @Test func `a step may name the playbook's channels only`() {
        let text = "notify: [{ slack: a, name: ops }]\nprepare: [{ notify: { text: a, to: [slack] } }]\n"
        expect(Book.mistakes(in: Book.base + text), [("9:37", ["no channel `slack`", "there are ops"])])
        let alone = "prepare: [{ notify: { text: a } }]\n"
        expect(Book.mistakes(in: Book.base + alone), [("8:11", ["has nobody to tell"])])
        let unknown = "notify: [{ slack: '${nothing}' }]\n"
        expect(Book.mistakes(in: Book.base + unknown), [("8:19", ["no value of a playbook"])])
    }
}
