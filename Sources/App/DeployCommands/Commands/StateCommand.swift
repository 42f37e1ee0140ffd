import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import JournalFormat

struct StateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Move the journal to another store.",
        subcommands: [Copy.self]
    )

    struct Copy: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "copy",
            abstract: "Copy the whole journal into an empty store, chain intact.",
            discussion: """
                Both chains are verified. Refused while somebody holds a service. Nothing keeps a bgdeploy that still
                uses the old store from writing to it afterwards: stop them all before, and give them the new store.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "Where it is: sqlite:PATH or postgresql://…") var source: String
        @Argument(help: "Where it is to be.") var target: String

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            guard source != target else { throw CommandFailure(.usage, "it is there already") }
            let report = try await Self.copy(
                from: try await workplace.location(source).open(),
                to: try await workplace.location(target).open(),
                at: workplace.clock.now()
            )
            switch workplace.options.output {
            case .json:
                let fields: [(String, JSON)] = [
                    ("entries", .number(report.entryCount)), ("head", .text(report.head)),
                ]
                workplace.printer.line(JSON.text(.object(fields), indent: 1))
            case .text, .github:
                workplace.printer.line(
                    "\(report.entryCount) entries copied, the chain is whole; head \(report.head)"
                )
                workplace.printer.line(
                    "From now on: --state or BGDEPLOY_STATE with the new one, for every bgdeploy."
                )
            }
            return .done
        }

        private static func copy(
            from source: some StateStore,
            to target: some StateStore,
            at now: Timestamp
        ) async throws(CommandFailure) -> ChainReport {
            do throws(RunStoreError) {
                return try await copyJournal(from: source, to: target, at: now)
            } catch {
                throw CommandFailure(error)
            }
        }
    }
}
