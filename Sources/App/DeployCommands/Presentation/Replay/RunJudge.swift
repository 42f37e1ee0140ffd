import DeployCore
import DeployPorts
import Playbooks
import SequentialStatistics
import TrafficJudgement

/// How a run was judged: what its own playbook, frozen when it began, asks of the judge.
struct RunJudge {
    var configuration = Configuration()
    /// Whether a hold ended as soon as the candidate was shown to be good.
    var endsEarly = true
    /// Whether a candidate whose durations nobody knows is not good enough.
    var requiresLatency = false
    var severities: [Severity] = []
    /// Why these are the defaults, and not what the run was judged by; `nil` when they are the run's own.
    var isGuessedBecause: String?
}

extension Workplace {
    /// The judge of `run`; the defaults where its playbook cannot be had any more.
    func judge(of run: RecordedRun, _ store: any RunStore) async -> RunJudge {
        do throws(CommandFailure) {
            return try await recordedJudge(of: run, store)
        } catch {
            let reason = error.message.split(separator: "\n").first.map(String.init) ?? ""
            return RunJudge(isGuessedBecause: reason)
        }
    }

    private func recordedJudge(
        of run: RecordedRun,
        _ store: any RunStore
    ) async throws(CommandFailure) -> RunJudge {
        let text: String
        do throws(RunStoreError) {
            text = try await store.playbook(of: run.record.id)
        } catch {
            throw CommandFailure(error)
        }
        var playbook = try service(text: text).playbook
        let plan = run.state.plan
        if let strategy = plan.strategy(of: playbook) { playbook.strategy = strategy }
        return RunJudge(playbook, plan)
    }
}

extension RunJudge {
    init(_ playbook: Playbook, _ plan: Plan) {
        let (rules, settings) = (playbook.monitor.rules, playbook.judgeSettings)
        let judge = CanaryJudge(
            stable: plan.stable.rawValue,
            candidate: plan.candidate.rawValue,
            rules: rules,
            settings: settings
        )
        configuration = judge.configuration
        endsEarly = settings.endsEarly
        severities = settings.severities
        requiresLatency = rules.contains { $0.isRequired && [.latencyP95, .latencyP99].contains($0.metric) }
    }
}
