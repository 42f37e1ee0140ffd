import ChildProcesses
import DeployCore
package import DeployPorts
package import Migrations
package import Playbooks

/// What a playbook's migrations would do, found out by looking.
package struct SchemaForecast {
    package let changes: [(title: String, change: any SchemaChange)]
    private let service: Service
    private let environment: [String: String]

    package init(service: Service, environment: [String: String]) {
        self.service = service
        self.environment = environment
        changes = (service.playbook.steps[.migrate] ?? []).compactMap { step in
            guard case .action(let action) = step.work, let change = action as? any SchemaChange else {
                return nil
            }
            return (step.title, change)
        }
    }

    /// Of every migration of the playbook, in order.
    package func outlooks() async throws(CommandFailure) -> [(title: String, outlook: SchemaOutlook)] {
        let values = try await values()
        var found: [(String, SchemaOutlook)] = []
        for (title, change) in changes {
            do throws(StepFailure) {
                found.append((title, try await change.outlook(values)))
            } catch {
                throw CommandFailure(
                    .unavailable,
                    Redactor.mask(error.message, secrets: values.secrets.values)
                )
            }
        }
        return found
    }

    /// What the gate of `frozen` would say; `nil` where it has none.
    package func verdict(of frozen: FrozenPlan) async -> Result<GateForecast, CommandFailure>? {
        guard let gate = frozen.actions.values.compactMap({ $0 as? GateStep }).first else { return nil }
        do throws(CommandFailure) {
            let values = try await values(of: frozen)
            do throws(StepFailure) {
                return .success(try await gate.forecast(values))
            } catch {
                let text = Redactor.mask(error.message, secrets: values.secrets.values)
                return .failure(CommandFailure(.unavailable, text))
            }
        } catch {
            return .failure(error)
        }
    }

    /// The values of a run that is not begun, and of no version.
    private func values() async throws(CommandFailure) -> Values {
        guard let version = Version(rawValue: "unknown") else { preconditionFailure("a valid version") }
        let frozen = RunSession.frozen(
            service,
            version: version,
            previous: version,
            stable: service.environmentNames[0],
            strategy: nil
        )
        return try await values(of: frozen)
    }

    private func values(of frozen: FrozenPlan) async throws(CommandFailure) -> Values {
        try await service.values(
            for: frozen.plan,
            run: RunID(rawValue: "forecast"),
            environment: environment
        )
    }
}
