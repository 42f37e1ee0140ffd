@testable import DeployOperations
@testable import DeployServer
import DeployCore
import DeployEngine
import DeployPorts
import TrafficJudgement

/// Runs to look at, each at another point of its way.
struct Story {
    private(set) var script: Script
    private var judge = CanaryJudge(stable: "blue", candidate: "green", settings: JudgeSettings())
    private var second = 0.0
    private var began = Script.begin

    init(followUps: [FollowUp] = [], phases: [Phase] = Script.phases) {
        script = Script(Script.canary(phases: phases, followUps: followUps))
    }

    var run: RecordedRun {
        let record = RunRecord(
            id: Script.run,
            service: script.state.plan.service,
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        return RecordedRun(record: record, entries: script.entries, state: script.state)
    }

    var report: RunReport { RunReport(run, judge: RunJudge(configuration: judge.configuration)) }

    /// The balancers of its service, agreeing with what was confirmed, and a process that drives it.
    func status(remarks: [String] = [], isDriven: Bool = true) -> ServiceStatus {
        let seen = BalancerObservation(
            split: script.state.split,
            fileSplit: nil,
            fileDigest: "",
            remarks: remarks
        )
        let holder = LeaseHolder(
            host: "deploy-1",
            boot: "0",
            process: 1,
            startTicks: 1,
            actor: Actor("ana"),
            purpose: "run"
        )
        return ServiceStatus(
            service: script.state.plan.service,
            balancers: ["nginx", "haproxy"].map { .init(name: $0, result: .success(seen)) },
            run: run,
            holder: isDriven ? holder : nil,
            isLeaseFree: script.state.isSettled
        )
    }

    /// Watches the share that is held for so long; every tenth second goes into the journal.
    mutating func watch(_ seconds: Int, step: Int, share: Double, errors: (Int) -> Int = { $0 % 40 / 39 }) {
        if second == 0 { began = script.now }
        judge.begin(at: WatchPlace(step: step, of: 3, share: share, mayEndEarly: false), before: [:])
        for number in 1...seconds {
            script.pass(.seconds(1))
            second += 1
            let decision = judge.judge(Self.tick(number, share, errors(number)), at: second).decision
            if case .rollBack(let reason) = decision {
                note()
                return script.judge(.rollBack(reason: reason), after: .zero)
            }
            if number % 10 == 0 { note() }
        }
    }

    private mutating func note() {
        var facts = [TrafficWatcher.Fact.began: "\(began.milliseconds)"]
        facts[TrafficWatcher.Fact.ticks] = judge.takeTicks()
        script.happen(.noted(note: Note(topic: "traffic", text: judge.summary().text, facts: facts)))
    }

    private static func tick(_ number: Int, _ share: Double, _ errors: Int) -> TrafficTick {
        func sample(_ requests: Int, _ errors: Int, _ milliseconds: Double) -> TrafficSample {
            var latencies = LatencyHistogram()
            for index in 0..<requests {
                latencies.add(milliseconds: milliseconds * Double(80 + (index * 7 + number) % 60) / 100)
            }
            return TrafficSample(requests: requests, errors: min(errors, requests), latencies: latencies)
        }
        let all = 180 + number * 7 % 40
        let part = Int(Double(all) * share)
        return TrafficTick(
            .measured(stable: sample(all - part, number % 30 / 29, 20), candidate: sample(part, errors, 21))
        )
    }

    mutating func change(_ work: (inout Script) -> Void) { work(&script) }
}

extension Story {
    static let preparing: Story = {
        var story = Story()
        story.change { script in
            script.start()
            script.succeed("blue 100 %, green 0 %")
            script.succeed("12 GB free")
        }
        return story
    }()

    static let gate: Story = {
        var story = Story()
        story.change { $0.goToGate() }
        return story
    }()

    static let hold: Story = {
        var story = Story()
        story.change { $0.goToFirstHold() }
        story.watch(110, step: 0, share: 0.1)
        return story
    }()

    static let paused: Story = {
        var story = hold
        story.change { $0.command(.pause, by: "ana (session 3f9a, 10.0.0.7)", "a ticket about checkout") }
        return story
    }()

    static let rolledBack: Story = {
        var story = goingBack
        story.change { script in
            script.succeed("blue 100 %, green 0 %, verified in 9 ms")
            script.succeed("posted")
        }
        return story
    }()

    static let goingBack: Story = {
        var story = Story()
        story.change { $0.goToFirstHold() }
        story.watch(240, step: 0, share: 0.1) { $0 < 70 ? 0 : 6 }
        return story
    }()

    static let rollbackFailed: Story = {
        var story = goingBack
        story.change { script in
            while !script.state.isSettled {
                if case .wait? = script.state.pending.first?.effect {
                    script.succeed()
                } else {
                    script.fail("haproxy: the admin socket does not answer: connection refused", .unknown)
                }
            }
        }
        return story
    }()

    static let failed: Story = {
        var story = Story()
        story.change { script in
            script.start()
            script.succeed("blue 100 %, green 0 %")
            script.succeed("12 GB free")
            script.succeed(after: .seconds(14))
            script.succeed("200 in 12 ms")
            script.fail("smoke tests: 2 of 31 failed: checkout, refund", after: .seconds(42))
        }
        return story
    }()

    static let released: Story = {
        let task = Script.step("afterwards/1", "drop what only blue needed")
        var story = Story(followUps: [FollowUp(after: .minutes(60 * 24 * 7), step: task)])
        story.change { $0.goToFirstHold() }
        story.watch(300, step: 0, share: 0.1)
        story.change { $0.judge(.passed(summary: "nothing spoke against green"), after: .zero) }
        story.change { $0.succeed("blue 50 %, green 50 %, verified in 11 ms") }
        story.watch(300, step: 1, share: 0.5)
        story.change { script in
            script.judge(.passed(summary: "nothing spoke against green"), after: .zero)
            script.succeed("blue 0 %, green 100 %, verified in 12 ms")
            script.succeed("0 connections left", after: .seconds(4))
        }
        story.watch(300, step: 2, share: 0.99)
        story.change { $0.judge(.passed(summary: "nothing spoke against green"), after: .zero) }
        return story
    }()

    static let all: [(name: String, story: Story)] = [
        ("preparing", preparing), ("gate", gate), ("hold", hold), ("paused", paused),
        ("going-back", goingBack),
        ("rolled-back", rolledBack), ("rollback-failed", rollbackFailed), ("failed", failed),
        ("released", released),
    ]
}

extension Visitor {
    static func with(_ scopes: Set<Scope>, services: Set<String>? = nil) -> Visitor {
        let principal = Principal(
            name: "ana",
            via: "session 3f9a",
            source: "10.0.0.7",
            scopes: scopes,
            services: services
        )
        return Visitor(principal: principal, csrf: "csrf-of-ana")
    }
}
