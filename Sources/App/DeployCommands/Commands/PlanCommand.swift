import ArgumentParser
import DeployCore
import DeployEngine
import DeployPorts
import Playbooks
import SafeFile

struct PlanCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print everything a run would do, in order; change nothing."
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The version, such as v2.5.0.") var version: String
    @Option(help: "instant, or the canary's shares such as 10%,50%,100%.") var strategy: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let strategy = try self.strategy.map { text throws(CommandFailure) in
            try RunCommand.strategy(text, insteadOf: service.playbook.strategy)
        }
        return try await Self.show(try RunCommand.version(version, of: service), service, strategy, workplace)
    }

    static func show(
        _ version: Version,
        _ service: Service,
        _ strategy: Playbook.Strategy?,
        _ workplace: Workplace
    ) async throws(CommandFailure) -> ExitStatus {
        let store = try await workplace.store()
        let session = RunSession(
            workplace: workplace,
            store: store,
            observer: workplace.observer(),
            signals: workplace.signals()
        )
        let frozen = try await session.freeze(version, of: service, strategy: strategy)
        let changes = try await changes(of: frozen.plan, service)
        let estimate = try? await estimate(RunHistory(store: store, service: service.name))
        let view = PlanView(
            frozen: frozen,
            migrations: await SchemaForecast(service: service, environment: workplace.environment)
                .verdict(of: frozen),
            balancers: service.fleet.balancers.map { (name: $0.name, method: $0.method) },
            changes: changes,
            estimate: estimate ?? nil
        )
        switch workplace.options.output {
        case .json: workplace.printer.line(JSON.text(view.json, indent: 1))
        case .text, .github: workplace.printer.line(view.text(workplace.style))
        }
        return .done
    }

    /// What each traffic step does to each balancer's file.
    private static func changes(
        of plan: Plan,
        _ service: Service
    ) async throws(CommandFailure) -> [PlanView.Change] {
        var changes: [PlanView.Change] = []
        for case .shift(let phase) in plan.phases {
            for exposure in phase.exposures + (phase.holdback == nil ? [] : [.full]) {
                for balancer in service.fleet.balancers {
                    do throws(LoadBalancerError) {
                        let change = try await balancer.render(plan.split(candidate: exposure))
                        changes.append(
                            PlanView.Change(exposure: exposure, balancer: balancer.name, diff: change.diff)
                        )
                    } catch {
                        throw CommandFailure(.badInput, "\(balancer.name): \(error.message)")
                    }
                }
            }
        }
        return changes
    }

    /// The median time that runs which succeeded took.
    private static func estimate(_ history: RunHistory) async throws(RunStoreError) -> Span? {
        var times: [Span] = []
        for record in try await history.store.runs(of: history.service, limit: 20) {
            let run = try await history.recorded(record)
            if case .released = run.state.stage { times.append(run.updatedAt.since(record.startedAt)) }
        }
        return times.isEmpty ? nil : times.sorted()[times.count / 2]
    }
}
