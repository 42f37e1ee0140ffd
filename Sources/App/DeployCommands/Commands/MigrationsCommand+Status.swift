import ArgumentParser
import ChildProcesses
import DeployCore
import DeployPorts
import Foundation
import Migrations
import Playbooks

extension MigrationsCommand {
    struct Status: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "What the playbook's database has applied, and what is pending.",
            discussion:
                "Asks the tool that the playbook names under `migrate.apply`, or the database; looks only."
        )

        @OptionGroup var common: CommonOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let service = try workplace.service()
            let forecast = SchemaForecast(service: service, environment: workplace.environment)
            guard !forecast.changes.isEmpty else {
                throw CommandFailure(
                    .badInput,
                    "\(service.playbook.path) has no `migrate.apply`, so that nobody knows its migrations"
                )
            }
            let found = try await forecast.outlooks()
            switch workplace.options.output {
            case .json:
                workplace.printer.line(JSON.text(.list(found.map { $0.outlook.json($0.title) }), indent: 1))
            case .text, .github:
                for entry in found {
                    entry.outlook.lines(entry.title).forEach { workplace.printer.line(Style.harmless($0)) }
                }
            }
            return .done
        }
    }

    /// Says why there is none.
    struct Down: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "down",
            abstract: "Refused: a production database is never migrated down.",
            shouldDisplay: false
        )

        @OptionGroup var common: CommonOptions
        @Argument(parsing: .allUnrecognized) var rest: [String] = []

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            throw CommandFailure(
                .forbidden,
                """
                a production database is never migrated down: what has been written since would be lost, and both \
                versions would meet a schema that nobody tried
                Put users back with `bgdeploy rollback`, which leaves the database alone; mend the schema with a new \
                migration. Down is tried on staging only, by `migrate.rehearse` of the playbook
                """
            )
        }
    }
}

/// What a playbook's migrations would do, found out by looking.
struct SchemaForecast {
    let changes: [(title: String, change: any SchemaChange)]
    private let service: Service
    private let environment: [String: String]

    init(service: Service, environment: [String: String]) {
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
    func outlooks() async throws(CommandFailure) -> [(title: String, outlook: SchemaOutlook)] {
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
    func verdict(of frozen: FrozenPlan) async -> Result<GateForecast, CommandFailure>? {
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
        do throws(PlaybookError) {
            return try await service.playbook.values(
                for: frozen.plan,
                run: RunID(rawValue: "forecast"),
                environment: environment
            )
        } catch {
            throw CommandFailure(.badInput, error.description)
        }
    }
}

extension SchemaOutlook {
    func lines(_ title: String) -> [String] {
        let head = head.map { "at \($0)" } ?? "nothing applied"
        let waiting = pending.isEmpty ? "nothing pending" : "\(pending.count) pending"
        return ["\(title): \(head), \(applied.count) applied, \(waiting)"] + pending.map { "  · \($0.name)" }
    }

    func json(_ title: String) -> JSON {
        func list(_ migrations: [Migration]) -> JSON {
            .list(
                migrations.map { migration in
                    .object([
                        ("name", .text(migration.name)),
                        ("file", migration.path.map { .text($0) } ?? .null),
                    ])
                }
            )
        }
        return .object([
            ("migration", .text(title)), ("head", head.map { .text($0) } ?? .null),
            ("applied", list(applied)), ("pending", list(pending)),
        ])
    }
}
