import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// One JSON object a line, and nothing else.
struct JSONReporter: RunObserver {
    let printer: Printer

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        printer.line(EventJSON.line(of: entry, before: before, after: after))
    }

    func output(_ line: String, of step: StepID) {}
    func watched(_ figures: TrafficFigures) {}
    func draining(connections: Int) {}
}
