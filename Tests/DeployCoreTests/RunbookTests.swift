import DeployCore
import Testing

@Suite struct RunbookTests {
    static let site = StepID(rawValue: "look/1")
    static let database = StepID(rawValue: "look/2")
    static let run = RunID(rawValue: "01A")

    static func plan(action: String? = nil, open: Incident? = nil) -> Plan {
        let phase = action == nil ? "look" : "verify"
        let ids = [1, 2].map { StepID(rawValue: "\(phase)/\($0)") }
        let checks = [
            RunbookCheck(step: ids[0], title: "site", severity: .p2, suggests: ["restart"]),
            RunbookCheck(step: ids[1], title: "database", severity: .p0, hint: "Is it running?"),
        ]
        let steps = checks.map { Step(id: $0.step, title: $0.title, onFailure: .proceed) }
        var phases: [Phase] = [
            .steps(phase: StepsPhase(action == nil ? .look : .verify, groups: [steps]))
        ]
        if action != nil {
            let act = Step(id: StepID(rawValue: "act/1"), title: "restart it", isCancellable: false)
            phases.insert(.steps(phase: StepsPhase(.act, groups: [[act]])), at: 0)
        }
        var part = RunbookPart(
            name: "down",
            title: "It is down",
            service: "mina",
            action: action,
            checks: checks
        )
        part.incident = open
        return Plan(
            service: "mina:down",
            version: Version(rawValue: action ?? "look") ?? Plans.version,
            stable: RunbookPart.environments.stable,
            candidate: RunbookPart.environments.candidate,
            phases: phases,
            runbook: part
        )
    }

    static func at(_ second: Int64, _ kind: RunEvent.Kind) -> RunEvent {
        RunEvent(at: Timestamp(milliseconds: second * 1000), kind)
    }

    static func fine(_ effect: Int, at second: Int64) -> RunEvent {
        at(second, .succeeded(effect: effect, captures: [:], summary: nil))
    }

    static func failed(_ effect: Int, _ reason: String, at second: Int64) -> RunEvent {
        at(second, .failed(effect: effect, reason: reason, traffic: .unchanged))
    }

    private static func incident(_ events: [RunEvent]) throws -> Incident? {
        let state = try #require(Reducer.fold(events))
        return RunbookFold(events).incident(after: state, of: run)
    }

    @Test func `every check runs whatever fails, and the gravest failure is the incident's`() throws {
        let events = [
            Self.at(0, .started(plan: Self.plan())), Self.failed(1, "no answer", at: 1),
            Self.failed(2, "refused", at: 2),
        ]
        let state = try #require(Reducer.fold(events))
        #expect(state.condition == .succeeded)
        #expect(state.failedChecks == [Self.site, Self.database])
        let found = try Self.incident(events)
        #expect(found == Incident(run: Self.run, since: events[2].at, severity: .p0))
    }

    @Test func `a look in which all is fine ends the incident, and one that was stopped leaves it`() throws {
        let open = Incident(run: RunID(rawValue: "00Z"), since: Timestamp(milliseconds: 5), severity: .p1)
        let start = Self.at(0, .started(plan: Self.plan(open: open)))
        #expect(try Self.incident([start, Self.fine(1, at: 1), Self.fine(2, at: 2)]) == nil)
        let abort = Self.at(1, .commanded(command: .abort, by: Actor("ana"), reason: nil))
        #expect(try Self.incident([start, Self.fine(1, at: 1), abort, Self.fine(2, at: 2)]) == open)
        // It goes on under the name of the run that found it, as grave as it was at worst.
        let still = try Self.incident([start, Self.failed(1, "no answer", at: 1), Self.fine(2, at: 2)])
        #expect(still == open)
    }

    @Test func `a figure's own severity counts, and the check's where it has none`() throws {
        let note = Note(
            topic: RunbookFold.topic,
            text: "P3",
            facts: [RunbookFold.stepFact: "look/2", RunbookFold.severityFact: "P3"]
        )
        let events = [
            Self.at(0, .started(plan: Self.plan())), Self.fine(1, at: 1), Self.at(1, .noted(note: note)),
            Self.failed(2, "5 %", at: 2),
        ]
        #expect(try Self.incident(events)?.severity == .p3)
    }

    @Test func `a failed action verifies nothing and leaves the incident open`() throws {
        let open = Incident(run: RunID(rawValue: "00Z"), since: Timestamp(milliseconds: 5), severity: .p1)
        let events = [
            Self.at(0, .started(plan: Self.plan(action: "restart", open: open))),
            Self.failed(1, "no such unit", at: 1),
        ]
        #expect(Reducer.fold(events)?.condition == .failed)
        #expect(try Self.incident(events) == open)
        let good = [events[0], Self.fine(1, at: 1), Self.fine(2, at: 2), Self.fine(3, at: 3)]
        #expect(try Self.incident(good) == nil)
    }

    @Test(arguments: [Command.rollback(gradual: false), .retire(early: true), .abort])
    func `a run that is over has nothing to take back`(command: Command) throws {
        let events = [Self.at(0, .started(plan: Self.plan())), Self.fine(1, at: 1), Self.fine(2, at: 2)]
        let state = try #require(Reducer.fold(events))
        let order = Self.at(3, .commanded(command: command, by: Actor("ana"), reason: nil))
        let transition = Reducer.step(state, order)
        #expect(transition.refusal != nil)
        #expect(transition.state == state)
    }

    // MARK: what is told

    private static func told(_ events: [RunEvent]) -> [(topic: String, title: String)] {
        var fold = NoticeFold(run: run)
        return events.enumerated().flatMap { fold.take($0.element, sequence: $0.offset + 1).notices }
            .map { ($0.topic.rawValue, $0.title) }
    }

    @Test func `new trouble is told once, graver trouble again, and its end`() {
        let start = Self.at(0, .started(plan: Self.plan()))
        let first = Self.told([start, Self.failed(1, "no answer", at: 1), Self.fine(2, at: 2)])
        #expect(first.map(\.topic) == ["incident", "severity:P2"])
        #expect(first.first?.title == "P2: mina down: It is down")
        let known = Incident(run: RunID(rawValue: "00Z"), since: Timestamp(milliseconds: 0), severity: .p2)
        let again = Self.at(0, .started(plan: Self.plan(open: known)))
        #expect(Self.told([again, Self.failed(1, "no answer", at: 1), Self.fine(2, at: 2)]).isEmpty)
        let graver = Self.told([again, Self.fine(1, at: 1), Self.failed(2, "refused", at: 2)])
        #expect(graver.map(\.topic) == ["incident", "severity:P0"])
        let gone = Self.told([again, Self.fine(1, at: 1), Self.fine(2, at: 62)])
        #expect(gone.map(\.topic) == ["resolved"])
        #expect(gone.first?.title == "mina down: It is down: resolved")
    }

    @Test func `no word of a runbook's run is of traffic or of a release`() {
        let start = Self.at(0, .started(plan: Self.plan(action: "restart")))
        let ends = [
            [Self.fine(1, at: 1), Self.fine(2, at: 2), Self.fine(3, at: 3)],
            [Self.fine(1, at: 1), Self.failed(2, "no answer", at: 2), Self.fine(3, at: 3)],
            [Self.failed(1, "no such unit", at: 1)],
        ]
        let topics = ends.map { Self.told([start] + $0).map(\.topic) }
        #expect(
            topics == [
                ["started", "succeeded"], ["started", "failed", "incident", "severity:P2"],
                ["started", "failed"],
            ]
        )
        for (_, title) in ends.flatMap({ Self.told([start] + $0) }) {
            #expect(!title.contains("traffic") && !title.contains("live") && !title.contains("moved"))
        }
    }

    @Test func `a run with an open incident has not settled well, so that nobody stops to be woken`() {
        var fold = NoticeFold(run: Self.run)
        let events = [
            Self.at(0, .started(plan: Self.plan())), Self.failed(1, "no answer", at: 1), Self.fine(2, at: 2),
        ]
        let last = events.enumerated().map { fold.take($0.element, sequence: $0.offset + 1) }.last
        #expect(last?.hasSettledWell == false)
        #expect(last?.notices.first?.topic.isAlarm == true)
        #expect(last?.notices.first?.subject == Self.run)
    }
}
