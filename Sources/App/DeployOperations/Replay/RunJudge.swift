package import DeployCore
package import DeployPorts
package import Playbooks
package import SequentialStatistics
package import TrafficJudgement

/// How a run was judged: what its own playbook, frozen when it began, asks of the judge.
package struct RunJudge {
    package var configuration = Configuration()
    /// Whether a hold ended as soon as the candidate was shown to be good.
    package var endsEarly = true
    /// Whether a candidate whose durations nobody knows is not good enough.
    package var requiresLatency = false
    package var severities: [Severity] = []
    /// How long each way back may take.
    package var promises: [Playbook.WayBack: Span] = [:]
    /// Why these are the defaults, and not what the run was judged by; `nil` when they are the run's own.
    package var isGuessedBecause: String?
}

extension RunJudge {
    /// The judge of `run`; the defaults where its playbook cannot be had any more.
    package static func of(_ run: RecordedRun, _ store: any RunStore) async -> RunJudge {
        do throws(CommandFailure) {
            return try await recorded(of: run, store)
        } catch {
            let reason = error.message.split(separator: "\n").first.map(String.init) ?? ""
            return RunJudge(isGuessedBecause: reason)
        }
    }

    private static func recorded(
        of run: RecordedRun,
        _ store: any RunStore
    ) async throws(CommandFailure) -> RunJudge {
        let text: String
        do throws(RunStoreError) {
            text = try await store.playbook(of: run.record.id)
        } catch {
            throw CommandFailure(error)
        }
        var playbook = try Service(text: Array(text.utf8), path: "bgdeploy.yml", clock: SystemClock())
            .playbook
        let plan = run.state.plan
        if let strategy = plan.strategy(of: playbook) { playbook.strategy = strategy }
        return RunJudge(playbook, plan)
    }
}

extension RunJudge {
    package init(_ playbook: Playbook, _ plan: Plan) {
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
        promises = playbook.promises
        requiresLatency = rules.contains { $0.isRequired && [.latencyP95, .latencyP99].contains($0.metric) }
    }
}
