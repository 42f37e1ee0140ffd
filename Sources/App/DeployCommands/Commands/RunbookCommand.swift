import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import Playbooks

/// What to do when something is wrong, written down before it is.
struct RunbookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runbook",
        abstract: "Look into trouble, or practise for it: alone it lists the runbooks.",
        subcommands: [Use.self] + builtIn,
        defaultSubcommand: Use.self
    )

    /// Those that are programs and no files.
    static let builtIn: [any ParsableCommand.Type] = [Database.self, Drill.self]
}

extension RunbookCommand {
    /// A runbook that is a file: to list, to look, to carry an action out.
    struct Use: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "use",
            abstract: "Look by a runbook of your own, or carry out one of its actions (the default).",
            discussion: """
                With a name it looks: every check, what a failure means, what may help. It changes nothing, and works
                when the state store is away. With --do it carries one action out, after asking, and looks again.
                Ends with 0 when all checks are fine, 1 when something is wrong or an action failed, 5 when an action
                waits for an approval, 77 when it was not confirmed.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "The runbook: its name, or its file. All are listed without it.") var runbook: String?
        @Option(name: .customLong("do"), help: "Carry out this action of the runbook.") var action: String?
        @Option(help: "Why, for the journal.") var reason: String?
        @Option(
            help:
                "Where runbooks are (BGDEPLOY_RUNBOOKS; else runbooks beside the playbook, and ./playbooks)."
        )
        var runbooks: String?
        @Flag(
            name: .customLong("no-wait"),
            help: "Leave with exit code 5 at a gate instead of waiting at it."
        )
        var leavesAtGates = false

        func validate() throws {
            guard action == nil || runbook != nil else {
                throw ValidationError("--do names an action of a runbook: name that too")
            }
        }

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let library = RunbookLibrary(folders: folders(workplace), clock: workplace.clock)
            guard let reference = runbook else {
                list(library, workplace)
                return .done
            }
            let service = try library.runbook(reference)
            guard let action else { return try await look(service, workplace) }
            return try await carryOut(action, service, workplace)
        }

        private func folders(_ workplace: Workplace) -> [String] {
            let named = runbooks ?? workplace.environment["BGDEPLOY_RUNBOOKS"] ?? ""
            guard named.isEmpty else { return [named] }
            let playbook = workplace.playbookPath
            let folder = playbook.lastIndex(of: "/").map { String(playbook[..<$0]) } ?? "."
            return ["\(folder)/runbooks", "./playbooks"]
        }

        /// What a person types to do `action`, or to look.
        func commandLine(_ action: String?) -> String {
            let words =
                ["bgdeploy", "runbook", runbook ?? ""] + (action.map { ["--do", $0] } ?? [])
                + (runbooks.map { ["--runbooks", $0] } ?? []) + (common.playbook.map { ["-p", $0] } ?? [])
                + (common.state.map { ["--state", $0] } ?? [])
            return words.joined(separator: " ")
        }

        // MARK: listing

        private func list(_ library: RunbookLibrary, _ workplace: Workplace) {
            let entries = library.entries()
            let builtIn = RunbookCommand.builtIn.map { command in
                (name: command.configuration.commandName ?? "", abstract: command.configuration.abstract)
            }
            if workplace.options.output == .json {
                let found = entries.map(Self.json)
                let ours = builtIn.map {
                    JSON.object([
                        ("name", .text($0.name)), ("title", .text($0.abstract)), ("builtIn", .flag(true)),
                    ])
                }
                return workplace.printer.line(JSON.text(.list(found + ours), indent: 1))
            }
            let width = (entries.compactMap(\.name) + builtIn.map(\.name)).map(\.count).max() ?? 0
            for entry in entries { workplace.printer.line(Self.line(entry, width, workplace.style)) }
            for entry in builtIn {
                workplace.printer.line("    \(entry.name.padded(to: width))  \(entry.abstract)")
            }
        }

        private static func line(_ entry: RunbookLibrary.Entry, _ width: Int, _ style: Style) -> String {
            switch entry.runbook {
            case .failure(let error):
                let first = error.message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
                return style("✗   ", .red) + Style.harmless(first)
            case .success(let service):
                guard let runbook = service.playbook.runbook else { return "" }
                let severity = (runbook.severity?.rawValue ?? "").padded(to: 4)
                return style(severity, .red) + style(runbook.name.padded(to: width), .bold)
                    + "  \(Style.harmless(runbook.title))" + style("  \(runbook.service)", .faint)
            }
        }

        private static func json(_ entry: RunbookLibrary.Entry) -> JSON {
            switch entry.runbook {
            case .failure(let error):
                return .object([("path", .text(entry.path)), ("error", .text(error.message))])
            case .success(let service):
                guard let runbook = service.playbook.runbook else { return .null }
                return .object([
                    ("name", .text(runbook.name)), ("service", .text(runbook.service)),
                    ("title", .text(runbook.title)),
                    ("severity", runbook.severity.map { .text($0.rawValue) } ?? .null),
                    ("symptoms", .list(runbook.symptoms.map { .text($0) })),
                    ("actions", .list(runbook.actions.map { .text($0.name) })),
                    ("path", .text(entry.path)), ("builtIn", .flag(false)),
                ])
            }
        }
    }
}
