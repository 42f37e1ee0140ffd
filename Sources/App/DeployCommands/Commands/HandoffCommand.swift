import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct HandoffCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "handoff",
        abstract: "What those who take over the watch have to know.",
        discussion: """
            Active incidents, recent changes, what to watch, known issues, planned work, notes with open action items: of
            every service in the state store, or of one with --service. With a playbook at hand also what its balancers do
            now, and its windows.
            """
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "Of this service alone.") var service: String?
    @Option(help: "Changes and notes of so long.") var since = "8h"
    @Flag(help: "As Markdown, for a chat or a ticket.") var markdown = false

    var reach: Reach { .service }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        guard let length = Span(playbook: since), length > .zero else {
            throw CommandFailure(.usage, "--since: expected a duration such as 8h, found `\(since)`")
        }
        let store = try await workplace.store()
        var notices: Notices?
        if workplace.remote == nil {
            let desk = try workplace.desk()
            notices = Notices(desk: desk, store: try await desk.store())
        }
        let reader = HandoffReader(store: store, notices: notices, clock: workplace.clock)
        var handoff = try await reader.handoff(of: service, since: length)
        if workplace.remote == nil { await look(workplace, reader, &handoff) }
        switch workplace.options.output {
        case .json: workplace.printer.line(JSON.text(handoff.json, indent: 1))
        case .text, .github:
            workplace.printer.line(markdown ? handoff.markdown : handoff.text(workplace.style))
        }
        return .done
    }

    /// What a playbook at hand shows beside the journal; that there is none is no mistake.
    private func look(_ workplace: Workplace, _ reader: HandoffReader, _ handoff: inout Handoff) async {
        do throws(CommandFailure) {
            let playbook = try workplace.service()
            guard service.map({ $0 == playbook.name }) ?? true else { return }
            let status = try await ServiceStatus.read(playbook, try await workplace.store(), run: nil)
            reader.add(status, playbook, to: &handoff)
        } catch {
            let why = error.message.split(separator: "\n").first.map(String.init) ?? error.message
            handoff.gaps.append("the balancers and the windows of the playbook: \(why)")
        }
    }
}
