import ArgumentParser
import ChildProcesses
import DeployCore
import DeployOperations
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
