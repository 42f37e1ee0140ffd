import DeployCore
import Testing

@Suite struct NoticeTests {
    /// Feeds a fold with a run's events and keeps what each one told.
    private struct Story {
        var fold: NoticeFold
        var sequence = 0
        var now = Timestamp(milliseconds: 1_000_000)
        var told: [Notice] = []
        var messages: [NoticeMessage] = []
        var acted: [Int] = []
        var settled: [Int] = []

        init(_ plan: Plan, grades: NoticeGrades = .none) {
            fold = NoticeFold(run: RunID(rawValue: "RUN"), grades: grades)
            take(.started(plan: plan))
        }

        mutating func take(_ kind: RunEvent.Kind) {
            sequence += 1
            now = now.advanced(by: .seconds(1))
            let seen = fold.take(RunEvent(at: now, kind), sequence: sequence)
            told += seen.notices
            messages += seen.messages
            if seen.hasActed { acted.append(sequence) }
            if seen.hasSettledWell { settled.append(sequence) }
        }

        var pending: [PendingEffect] { fold.state?.pending ?? [] }

        /// Answers everything that is under way as a good world would, until `isDone`.
        mutating func goOn(until isDone: (Story) -> Bool = { $0.pending.isEmpty }) {
            while let next = pending.first, !isDone(self) {
                switch next.effect {
                case .watch: take(.judged(effect: next.id, verdict: .passed(summary: "well")))
                case .approval: take(.commanded(command: .approve, by: Actor("ana"), reason: nil))
                default: take(.succeeded(effect: next.id, captures: [:], summary: nil))
                }
            }
        }

        var topics: [String] { told.map(\.topic.rawValue) }
    }

    private static let grades = NoticeGrades(names: ["P0", "P1"]) { rate, slowdown in
        rate > 0.05 ? "P0" : rate > 0.03 || (slowdown ?? 1) > 1.5 ? "P1" : nil
    }

    private static func traffic(_ rate: String, pace: String = "50") -> RunEvent.Kind {
        let facts = ["candidate.error_rate": rate, "candidate.requests_per_second": pace]
        return .noted(note: Note(topic: "traffic", text: "figures", facts: facts))
    }

    @Test func `a good run tells its start, its gate, its switch and its end`() throws {
        var story = Story(Plans.make(shares: [10, 100]))
        story.goOn()
        #expect(story.topics == ["started", "waiting", "switched", "succeeded"])
        let switched = try #require(story.told.first { $0.topic == .switched })
        #expect(switched.title == "mina v2.5.0 has the traffic: blue 0 %, green 100 %")
        let waiting = try #require(story.told.first { $0.topic == .waiting })
        #expect(waiting.detail == "approval\nGive it: bgdeploy approve")
        #expect(story.told.last?.title == "mina v2.5.0 is live on green")
        #expect(story.settled == [story.sequence])
        #expect(story.acted.count == 1)
        #expect(story.told.allSatisfy { $0.runStartedAt == story.told[0].at })
    }

    @Test func `a run that fails early tells that nothing moved, and needs nobody`() {
        var story = Story(Plans.make())
        story.take(.failed(effect: 1, reason: "no nginx", traffic: .unchanged))
        #expect(story.topics == ["started", "failed"])
        #expect(story.told.last?.detail?.contains("no nginx") == true)
        #expect(story.settled == [2])
    }

    @Test func `a rollback by a verdict is told with its reason, and a switch that was taken back is not`() {
        var story = Story(Plans.make(shares: [10, 100], approvals: 0))
        story.goOn { story in
            if case .watch = story.pending.first?.effect { true } else { false }
        }
        let watch = story.pending[0].id
        story.take(.judged(effect: watch, verdict: .rollBack(reason: "too many errors")))
        story.goOn()
        #expect(story.topics == ["started", "rolled_back"])
        #expect(story.told.last?.detail == "too many errors")
        #expect(story.told.last?.title == "mina v2.5.0 was rolled back; blue has all traffic")
    }

    @Test func `a rollback that fails needs a person, and is settled when it is made up for`() {
        var story = Story(Plans.make(shares: [10, 100], approvals: 0))
        story.goOn { story in
            if case .watch = story.pending.first?.effect { true } else { false }
        }
        story.take(.judged(effect: story.pending[0].id, verdict: .rollBack(reason: "bad")))
        while let next = story.pending.first, story.topics.last != "rollback_failed" {
            switch next.effect {
            case .route: story.take(.failed(effect: next.id, reason: "gone", traffic: .unknown))
            default: story.take(.succeeded(effect: next.id, captures: [:], summary: nil))
            }
        }
        #expect(story.topics.last == "rollback_failed")
        #expect(story.told.last?.title.hasPrefix("ROLLBACK OF mina v2.5.0 DID NOT COMPLETE") == true)
        #expect(story.settled.isEmpty)
        story.take(.commanded(command: .rollback(gradual: false), by: Actor("ana"), reason: nil))
        #expect(story.acted == [story.sequence])
        story.goOn()
        #expect(story.topics.last == "rolled_back")
        #expect(story.settled == [story.sequence])
    }

    @Test func `a pause is told once, with who made it`() {
        var story = Story(Plans.make())
        story.take(.commanded(command: .pause, by: Actor("ana"), reason: "lunch"))
        #expect(story.topics == ["started", "waiting"])
        #expect(story.told.last?.title == "mina v2.5.0 was paused by ana")
        #expect(story.told.last?.detail?.hasPrefix("lunch\n") == true)
    }

    @Test func `severities are told when they are graver than all before, by figures that mean something`() {
        var story = Story(Plans.make(), grades: Self.grades)
        story.take(Self.traffic("0.9", pace: "0.5"))
        story.take(
            .noted(
                note: Note(
                    topic: "traffic",
                    text: "",
                    facts: [
                        "candidate.error_rate": "0.9", "candidate.requests_per_second": "50",
                        "return": "true",
                    ]
                )
            )
        )
        story.take(Self.traffic("0.02"))
        #expect(story.topics == ["started"])
        story.take(Self.traffic("0.04"))
        story.take(Self.traffic("0.04"))
        story.take(.noted(note: Note(topic: "impact", text: "P0: 50 failed", facts: ["severity": "P0"])))
        story.take(Self.traffic("0.04"))
        #expect(story.topics == ["started", "severity:P1", "severity:P0"])
        #expect(story.told.last?.detail == "50 failed")
        #expect(story.told.map(\.rank) == [nil, 1, 0])
    }

    @Test func `a severity by slowness says so, and a note of a person is no sign that somebody acts`() {
        var story = Story(Plans.make(), grades: Self.grades)
        let facts = [
            "candidate.error_rate": "0", "candidate.requests_per_second": "50",
            NoticeGrades.slowdownFact: "1.7",
        ]
        story.take(.noted(note: Note(topic: "traffic", text: "figures", facts: facts)))
        #expect(story.topics == ["started", "severity:P1"])
        #expect(story.told.last?.title == "P1: too slow: mina v2.5.0")
        let remarks = [Remark(.note, "seen")]
        story.take(.commanded(command: .note(remarks: remarks), by: Actor("ana"), reason: nil))
        #expect(story.acted == [] && story.told.count == 2)
    }

    @Test func `a step's word is a message for whom it names`() throws {
        var story = Story(Plans.make())
        story.take(
            .noted(
                note: Note(topic: "notice", text: "hello\nall\nof you", facts: ["to": "ops,slack"])
            )
        )
        story.take(.noted(note: Note(topic: "notice", text: "mine", facts: ["step": "prepare/2"])))
        #expect(story.messages.map(\.names) == [["ops", "slack"], []])
        #expect(story.messages.map(\.step?.rawValue) == [nil, "prepare/2"])
        #expect(story.messages.first?.notice.title == "hello")
        #expect(story.messages.first?.notice.detail == "all\nof you")
    }

    @Test func `the same events tell the same`() {
        var one = Story(Plans.make(), grades: Self.grades)
        var other = Story(Plans.make(), grades: Self.grades)
        one.goOn()
        other.goOn()
        #expect(one.told == other.told)
    }

    @Test func `only what needs somebody is an alarm`() {
        #expect(NoticeTopic.named.filter(\.isAlarm) == [.waiting, .rollbackFailed])
        #expect(NoticeTopic.severity("P1").isAlarm)
        #expect(NoticeTopic(rawValue: "severity:P1").severity == "P1")
    }
}
