import DeployCore
import DeployEngine
import DeployPorts

/// One plain line per event: for logs, pipes and CI.
struct PlainReporter: RunObserver {
    let printer: Printer
    let style: Style
    let showsOutput: Bool

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        for line in Telling.lines(of: entry, before: before, after: after) { printer.line(format(line)) }
    }

    func output(_ line: String, of step: StepID) {
        guard showsOutput else { return }
        printer.line("          " + style("│ \(Style.harmless(line))", .faint))
    }

    func watched(_ figures: TrafficFigures) {
        for remark in figures.remarks { printer.line("          " + style("! \(remark)", .yellow)) }
    }

    func draining(connections: Int) {
        printer.line("          " + style("│ \(connections) connections left", .faint))
    }

    func format(_ line: ToldLine) -> String {
        let phase = (line.phase?.rawValue ?? "").padded(to: 10)
        let mark = style.mark(line.mark)
        let text = Style.harmless(line.text).split(separator: "\n", omittingEmptySubsequences: false)
        let rest = text.dropFirst().map { "\n" + String(repeating: " ", count: 23) + $0 }.joined()
        return "\(style(Clock.time(line.at), .faint))  \(phase) \(mark) \(text.first ?? "")\(rest)"
    }
}

extension Style {
    func mark(_ mark: ToldLine.Mark) -> String {
        switch mark {
        case .begins: self("·", .faint)
        case .succeeds: self("✓", .green)
        case .fails: self("✗", .red)
        case .warns: self("!", .yellow)
        case .waits: self("…", .blue)
        case .tells: self("–", .faint)
        }
    }
}

extension String {
    func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
