@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployEngine
import DeployPorts
import TrafficJudgement

/// A canary at 10 % whose traffic is judged as an engine does it: blue answers 180 requests a second, green 20.
struct WatchedRun {
    struct Second {
        var errors = 0
        var blueErrors = 0
        var milliseconds = 20.0
    }

    private(set) var script = Script()
    /// The second in which the judge decided; `nil` when it did not.
    private(set) var decided: Int?
    private var judge: CanaryJudge

    /// How the run was judged.
    var ownJudge: RunJudge {
        var own = RunJudge(configuration: judge.configuration)
        own.endsEarly = settings.endsEarly
        return own
    }

    private let settings: JudgeSettings

    init(_ settings: JudgeSettings = JudgeSettings()) {
        self.settings = settings
        judge = CanaryJudge(stable: "blue", candidate: "green", settings: settings)
        judge.begin(
            at: WatchPlace(step: 0, of: 3, share: 0.1, mayEndEarly: settings.endsEarly),
            before: [:]
        )
        script.goToFirstHold()
        began = script.now
    }

    private let began: Timestamp

    /// Watches until the judge decides, and tells the journal.
    mutating func watch(_ seconds: Int, _ second: (Int) -> Second = { _ in Second() }) {
        for number in 1...seconds {
            script.pass(.seconds(1))
            let decision = judge.judge(Self.tick(second(number)), at: Double(number)).decision
            let verdict: Verdict? =
                switch decision {
                case .rollBack(let reason): .rollBack(reason: reason)
                case .rollBackGradually(let reason): .rollBackGradually(reason: reason)
                case .endEarly(let reason): .passed(summary: reason)
                case .fine, .hold: nil
                }
            if number % 10 == 0 || verdict != nil { note() }
            guard let verdict else { continue }
            decided = number
            script.judge(verdict, after: .zero)
            return
        }
    }

    private mutating func note() {
        var facts = [TrafficWatcher.Fact.began: "\(began.milliseconds)"]
        facts[TrafficWatcher.Fact.ticks] = judge.takeTicks()
        script.happen(.noted(note: Note(topic: "traffic", text: judge.summary().text, facts: facts)))
    }

    /// What the way back measures.
    mutating func noteReturn() {
        var facts = [
            TrafficWatcher.Fact.began: "\(began.milliseconds)", TrafficWatcher.Fact.isReturn: "true",
        ]
        facts[TrafficWatcher.Fact.ticks] = "900 0 2 0.25;9 9 9 9 9 0 0 0;9 0 9 0 0 0 0 0"
        script.happen(.noted(note: Note(topic: "traffic", text: "on the way back", facts: facts)))
    }

    mutating func command(_ command: Command) { script.command(command) }
    mutating func pass(_ span: Span) { script.pass(span) }

    /// Everything that is under way succeeds.
    mutating func finish() {
        while !script.state.pending.isEmpty, !script.state.isSettled { script.succeed() }
    }

    var recorded: RecordedRun {
        let record = RunRecord(
            id: Script.run,
            service: "mina",
            version: script.state.plan.version,
            startedAt: Script.begin
        )
        return RecordedRun(record: record, entries: script.entries, state: script.state)
    }

    private static func tick(_ second: Second) -> TrafficTick {
        func sample(_ requests: Int, _ errors: Int, _ milliseconds: Double) -> TrafficSample {
            var latencies = LatencyHistogram()
            for number in 0..<requests {
                latencies.add(milliseconds: milliseconds * Double(80 + number % 20) / 100)
            }
            return TrafficSample(requests: requests, errors: errors, latencies: latencies)
        }
        return TrafficTick(
            .measured(
                stable: sample(180, second.blueErrors, 20),
                candidate: sample(20, second.errors, second.milliseconds)
            )
        )
    }
}
