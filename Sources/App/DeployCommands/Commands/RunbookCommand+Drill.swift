import ArgumentParser
import Backups
import DeployCore
import DeployOperations
import DeployPorts
import Foundation

extension RunbookCommand {
    struct Drill: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "restore-drill",
            abstract: "Restore a backup into a separate, new database, timed and compared; then drop it.",
            discussion: """
                The backup's checksum is verified first; rows and samples are compared with its manifest where it \
                has them. No existing database is touched. Ends with 1 when the backup is not what it should be.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "A backup that bgdeploy made: the .dump with its manifest beside it.")
        var backup: String
        @Option(
            help: """
                A server to restore on, postgresql://… (default DATABASE_URL of the environment, which other users \
                cannot read). No existing database is touched, but the server's disk and memory are.
                """
        )
        var into: String?
        @Option(help: "The longest time of it all, such as 30m.") var within = "30m"
        @Flag(help: "Leaves the new database for you to look at.") var keep = false

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            guard let url = into ?? workplace.environment["DATABASE_URL"], !url.isEmpty else {
                throw CommandFailure(.badInput, "no server: give --into postgresql://… or set DATABASE_URL")
            }
            guard let limit = Span(playbook: within), limit > .zero else {
                throw CommandFailure(.usage, "--within: expected a duration such as 30m, found `\(within)`")
            }
            let drill = RestoreDrill(
                backup: backup,
                server: url,
                owner: "by-hand-\(ProcessInfo.processInfo.processIdentifier)",
                keep: keep,
                deadline: .milliseconds(limit.milliseconds)
            )
            let result: RestoreDrill.Result
            do throws(StepFailure) {
                result = try await drill.run { line in Printer.errors.line(Style.harmless(line)) }
            } catch {
                throw CommandFailure(.failed, error.message)
            }
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(result.json, indent: 1))
            case .text, .github: workplace.printer.line(Style.harmless(result.words))
            }
            return .done
        }
    }
}

extension RestoreDrill.Result {
    fileprivate var words: String {
        let compared =
            isCompared
            ? "compared with the moment of the backup" : "counted; its manifest has no rows to compare"
        let left = left.map { "\nthe new database is \($0)" } ?? ""
        return """
            \(database) is back in \(duration.told): \(tables) tables, \(rows) rows, \(compared)
            checksum \(checking.told), restore \(restoring.told), comparison \(comparing.told)\(left)
            """
    }

    fileprivate var json: JSON {
        .object([
            ("database", .text(database)), ("bytes", .number(bytes)), ("tables", .number(tables)),
            ("rows", .number(rows)), ("compared", .flag(isCompared)),
            ("seconds", .decimal(duration / .seconds(1))),
            ("checkingSeconds", .decimal(checking / .seconds(1))),
            ("restoringSeconds", .decimal(restoring / .seconds(1))),
            ("comparingSeconds", .decimal(comparing / .seconds(1))),
            ("left", left.map { .text($0) } ?? .null),
        ])
    }
}

extension Duration {
    /// `2.1 s`.
    fileprivate var told: String { "\((self / .seconds(1) * 10).rounded() / 10) s" }
}
