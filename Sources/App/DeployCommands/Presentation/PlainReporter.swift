import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Synchronization

/// One plain line per event: for logs, pipes and CI.
final class PlainReporter: RunObserver {
    let printer: Printer
    private let style: Style
    private let showsOutput: Bool
    private let connections = Mutex<Int?>(nil)
    /// The figures that the line before told.
    private let told = Mutex<String?>(nil)

    /// Where the text of a line begins, below which its further lines are put.
    private static let textColumn = 23

    init(printer: Printer, style: Style, showsOutput: Bool) {
        self.printer = printer
        self.style = style
        self.showsOutput = showsOutput
    }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        for line in Telling.lines(of: entry, before: before, after: after) {
            printer.line(format(withoutRepetition(line)))
        }
    }

    /// The end of a short watch has the figures that were told just before it: they are not told twice.
    private func withoutRepetition(_ line: ToldLine) -> ToldLine {
        let last = told.withLock { last in
            defer { last = line.mark == .tells ? line.text : nil }
            return last
        }
        guard line.mark == .succeeds, let last, line.text.hasSuffix(": \(last)") else { return line }
        var short = line
        short.text = String(line.text.dropLast(last.count + 2))
        return short
    }

    func output(_ line: String, of step: StepID) {
        guard showsOutput else { return }
        let lines = Self.inert(line).split(whereSeparator: \.isNewline)
        for line in lines { printer.line(Self.margin + style("│ \(line)", .faint)) }
    }

    /// Remarks are told by the journal's notes.
    func watched(_ figures: TrafficFigures) {}

    func draining(connections count: Int) {
        let isNews = connections.withLock { last in
            defer { last = count }
            return last != count
        }
        guard isNews else { return }
        printer.line(Self.margin + style("│ \(count) connection\(count == 1 ? "" : "s") left", .faint))
    }

    func format(_ line: ToldLine) -> String {
        let phase = (line.phase?.rawValue ?? "").padded(to: 10)
        let lead = "\(style(Clock.time(line.at), .faint))  \(phase) \(style.mark(line.mark)) "
        return Self.block(lead, line.text, below: Self.margin + style("│ ", .faint))
    }

    /// `text` after `lead`, its further lines after `margin`.
    static func block(_ lead: String, _ text: String, below margin: String) -> String {
        let lines = inert(text).split(separator: "\n", omittingEmptySubsequences: false)
        return lead + lines.joined(separator: "\n" + margin)
    }

    private static let margin = String(repeating: " ", count: textColumn - 2)

    /// Text from elsewhere, such that neither a terminal nor a CI system takes a part of it for a command.
    ///
    /// GitHub's runner heeds `##[` and Azure's `##vso[` anywhere in a line, and `::` at its beginning, spaces
    /// left out (actions/runner, ActionCommand.cs): the margin has more than spaces for that.
    private static func inert(_ text: String) -> String {
        Style.harmless(text).replacing("##[", with: "# #[").replacing("##vso[", with: "# #vso[")
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
