import DeployOperations
import ArgumentParser
import DeployPorts
import MigrationVerdicts
import Migrations

/// What is known of migrations before they run.
struct MigrationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrations",
        abstract: "Judge database migrations before they run.",
        subcommands: [Lint.self, Status.self, Down.self]
    )

    struct Lint: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "lint",
            abstract:
                "Two verdicts on each statement: does the stable version go on, and who waits for its locks?",
            discussion: """
                Plain SQL for PostgreSQL; of a folder every .sql, and base.sql in it for the schema that the \
                stable version has. Neither runs anything nor needs a connection; with --database it looks at the \
                catalogue. Ends with 65 when a statement breaks the stable version and the file does not say \
                why it may: `-- bgdeploy: allow RULE because REASON`. docs/reference/migrations has each rule.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "A release's migrations: files or folders.") var paths: [String]
        @Option(help: "The schema of the stable version, as pg_dump --schema-only writes it.")
        var schema: String?
        @Option(
            help: "The live database, postgresql://…: its types, constraints and sizes make verdicts exact."
        )
        var database: String?
        @Flag(help: "The same as --output json.") var json = false

        func validate() throws {
            guard schema == nil || database == nil else {
                throw ValidationError(
                    "--schema and --database are two answers to the same question: give one"
                )
            }
        }

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let folder = try Self.unwrap { () throws(MigrationFileError) in try MigrationFolder(paths) }
            let known = try await knownSchema(base: folder.base)
            let report: LintReport
            do throws(MigrationLinter.Failure) {
                report = try MigrationLinter(schema: known).lint(folder.files)
            } catch {
                throw Self.failure(error)
            }
            LintView(
                report: report,
                files: folder.files.count,
                printer: workplace.printer,
                style: workplace.style
            ).show(as: json ? .json : workplace.options.output)
            return report.stops ? .badInput : .done
        }

        private func knownSchema(base: String?) async throws(CommandFailure) -> Schema {
            if let database {
                do throws(MigrationCatalogueError) {
                    return try await PostgresCatalogue(url: database).schema()
                } catch {
                    switch error {
                    case .unavailable(let text): throw CommandFailure(.unavailable, text)
                    case .unusable(let text): throw CommandFailure(.badInput, text)
                    }
                }
            }
            guard let path = schema ?? base else { return Schema() }
            let file = try Self.unwrap { () throws(MigrationFileError) in try MigrationFile(reading: path) }
            do throws(MigrationLinter.Failure) {
                return try MigrationLinter.schema(of: file)
            } catch {
                throw Self.failure(error)
            }
        }

        private static func unwrap<Value>(
            _ work: () throws(MigrationFileError) -> Value
        ) throws(CommandFailure) -> Value {
            do throws(MigrationFileError) {
                return try work()
            } catch {
                throw CommandFailure(.badInput, "\(error.path) \(error.message)")
            }
        }

        private static func failure(_ failure: MigrationLinter.Failure) -> CommandFailure {
            switch failure {
            case .noParser(let reason): CommandFailure(.unavailable, reason)
            case .schema(let mistake):
                CommandFailure(
                    .badInput,
                    "\(mistake.file):\(mistake.line):\(mistake.column): \(mistake.message)"
                )
            }
        }
    }
}
