package import DeployCore
import DeployEngine
import DeployPorts
package import Playbooks

extension PlanView {
    /// What a run of `version` would do, by looking; nothing is changed.
    package static func of(
        _ version: Version,
        _ service: Service,
        _ strategy: Playbook.Strategy?,
        _ session: RunSession
    ) async throws(CommandFailure) -> PlanView {
        let frozen = try await session.freeze(version, of: service, strategy: strategy)
        let changes = try await changes(of: frozen.plan, service)
        let estimate = try? await estimate(RunHistory(store: session.store, service: service.name))
        return PlanView(
            frozen: frozen,
            migrations: await SchemaForecast(service: service, environment: session.desk.environment)
                .verdict(of: frozen),
            balancers: service.fleet.balancers.map { (name: $0.name, method: $0.method) },
            changes: changes,
            estimate: estimate ?? nil,
            now: session.desk.clock.now()
        )
    }

    /// What each traffic step does to each balancer's file.
    private static func changes(
        of plan: Plan,
        _ service: Service
    ) async throws(CommandFailure) -> [Change] {
        var changes: [Change] = []
        for case .shift(let phase) in plan.phases {
            for exposure in phase.exposures + (phase.holdback == nil ? [] : [.full]) {
                for balancer in service.fleet.balancers {
                    do throws(LoadBalancerError) {
                        let change = try await balancer.render(plan.split(candidate: exposure))
                        changes.append(
                            Change(exposure: exposure, balancer: balancer.name, diff: change.diff)
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
