import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import Playbooks

extension RunbookCommand.Use {
    /// Says what an action will change, asks, does it, and looks again.
    func carryOut(
        _ name: String,
        _ service: Service,
        _ workplace: Workplace
    ) async throws(CommandFailure) -> ExitStatus {
        guard let runbook = service.playbook.runbook else { return .badInput }
        guard let action = runbook.action(name) else {
            let names = runbook.actions.map(\.name)
            let nearest = Spelling.nearest(to: name, among: names).map { "did you mean `\($0)`?" }
            let list = names.isEmpty ? "it has none" : "there are \(names.joined(separator: ", "))"
            throw CommandFailure(.usage, "\(runbook.name) has no action `\(name)`; \(nearest ?? list)")
        }
        try confirm(action, runbook, workplace)
        let store = try await workplace.desk().store()
        let attended = try AttendedSession(
            workplace,
            store,
            observer: workplace.journalObserver(),
            leavesAtGates: leavesAtGates
        )
        let order = RunbookOrder(
            action: action.name,
            reason: reason,
            identity: .new(at: workplace.clock.now())
        )
        let end = try await attended.session.begin(order, of: service)
        return try await attended.follow(end, service, named: order.identity)
    }

    /// `.forbidden` unless a person typed the action's name, or said yes beforehand.
    private func confirm(
        _ action: Runbook.Action,
        _ runbook: Runbook,
        _ workplace: Workplace
    ) throws(CommandFailure) {
        guard !workplace.options.yes else { return }
        guard isatty(STDIN_FILENO) == 1, workplace.options.output == .text else {
            throw CommandFailure(
                .forbidden,
                "\(action.name) changes something and nobody is there to be asked: nothing was done; confirm with --yes"
            )
        }
        let printer = workplace.printer
        printer.line("\(workplace.style(action.name, .bold)) of \(runbook.service): \(action.title)")
        for step in action.steps { printer.line("  · " + Style.harmless(step.title)) }
        printer.write("Type \(action.name) to do it: ")
        guard readLine() == action.name else {
            throw CommandFailure(.forbidden, "not confirmed: nothing was done")
        }
    }
}
