import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct NoteCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "note",
        abstract: "Write down what only people know of a run: its report shows it.",
        discussion: """
            Works while the run goes on anywhere, and after its end. Every option but --severity, --owner and --due may be
            given several times; what was written is never changed, and the latest cause and severity count.
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; `latest` for the service's latest.") var run: String
    @Argument(help: "What was seen, or is to be known.") var text: String?
    @Option(help: "The root cause.") var cause: [String] = []
    @Option(help: "What was done to end it.") var resolution: [String] = []
    @Option(help: "What was learnt from it.") var lesson: [String] = []
    @Option(help: "What it meant for users, revenue and data.") var impact: [String] = []
    @Option(help: "How grave it was: P1.") var severity: String?
    @Option(help: "What is to be done so that it does not come again.") var action: [String] = []
    @Option(help: "Who does the actions.") var owner: String?
    @Option(help: "Until which day, such as 2026-12-20.") var due: String?
    @Option(help: "The number of an action that is done, as the report numbers them.") var done: [Int] = []

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let draft = RemarkDraft(
            texts: [
                .note: [text].compactMap(\.self), .cause: cause, .resolution: resolution, .lesson: lesson,
                .impact: impact, .severity: [severity].compactMap(\.self), .action: action,
                .done: done.map(String.init),
            ],
            owner: owner,
            due: due
        )
        let remarks = try draft.remarks()
        let identity = run == "latest" ? nil : run
        let service = identity == nil ? try await workplace.serviceName() : nil
        let store = try await workplace.store()
        let recorded = try await RunHistory(store: store, service: service).run(identity)
        if let remote = workplace.remote {
            try await remote.note(draft, recorded.record.id)
        } else {
            try await RunNotes(desk: try workplace.desk(), store: store).add(remarks, to: recorded)
        }
        workplace.printer.line("noted; `bgdeploy report \(recorded.record.id)` shows it")
        return .done
    }
}
