import ArgumentParser

/// What to do when something is wrong, written down before it is.
struct RunbookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runbook",
        abstract: "Look into trouble, or practise for it: alone it lists the runbooks.",
        subcommands: [Database.self, Drill.self]
    )

    func run() async throws {
        let entries = Self.configuration.subcommands.map { command in
            (name: command.configuration.commandName ?? "", abstract: command.configuration.abstract)
        }
        let width = entries.map(\.name.count).max() ?? 0
        for entry in entries {
            let space = String(repeating: " ", count: width - entry.name.count)
            Printer().line("bgdeploy runbook \(entry.name)\(space)  \(entry.abstract)")
        }
    }
}
