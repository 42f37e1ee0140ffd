import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Synchronization

/// Groups a phase's lines and annotates failures, as GitHub Actions reads them from a log.
final class GitHubReporter: RunObserver {
    private let plain: PlainReporter
    private let openGroup = Mutex<PhaseName?>(nil)

    init(printer: Printer) {
        plain = PlainReporter(printer: printer, style: Style(usesColor: false), showsOutput: true)
    }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        for line in Telling.lines(of: entry, before: before, after: after) {
            enter(line.phase)
            plain.printer.line(plain.format(line))
            switch line.mark {
            case .fails: annotate("error", line)
            case .warns: annotate("warning", line)
            case .begins, .succeeds, .waits, .tells: break
            }
        }
        if after.isSettled { enter(nil) }
    }

    func output(_ line: String, of step: StepID) {
        // A step's output must not be taken for a command of ours.
        plain.output(line.hasPrefix("::") ? " " + line : line, of: step)
    }

    func watched(_ figures: TrafficFigures) { plain.watched(figures) }
    func draining(connections: Int) { plain.draining(connections: connections) }

    /// A workflow command's message is one line.
    static func escaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }

    private func enter(_ phase: PhaseName?) {
        openGroup.withLock { open in
            guard open != phase else { return }
            if open != nil { plain.printer.line("::endgroup::") }
            if let phase { plain.printer.line("::group::\(phase)") }
            open = phase
        }
    }

    private func annotate(_ level: String, _ line: ToldLine) {
        let text = Self.escaped(Style.harmless(line.text))
        let title = line.phase.map { "bgdeploy: \($0)" } ?? "bgdeploy"
        plain.printer.line("::\(level) title=\(title)::\(text)")
    }
}
