import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Dispatch
import Foundation
import Synchronization

/// The live view of a run on a terminal.
///
/// Begins with the first event, and ends with the run or by ``end()``; what happens after that is told in plain
/// lines. The cursor is never hidden, so that a process that is killed leaves the terminal as it was.
final class LiveReporter: RunObserver {
    private struct View {
        var model = LiveModel()
        var screen = LiveScreen()
        var timer: (any DispatchSourceTimer)?
        var isEnded = false
    }

    private let printer: Printer
    private let plain: PlainReporter
    private let style: Style
    private let clock: any Timekeeper
    private let size: @Sendable () -> LiveScreen.Size
    private let view = Mutex(View())

    private static let framesPerSecond = 5

    init(
        printer: Printer,
        style: Style,
        clock: any Timekeeper,
        size: @escaping @Sendable () -> LiveScreen.Size = LiveReporter.terminalSize
    ) {
        self.printer = printer
        self.style = style
        self.clock = clock
        self.size = size
        plain = PlainReporter(printer: printer, style: style, showsOutput: false)
    }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        let wasEnded = view.withLock { view in
            guard !view.isEnded else { return true }
            view.model.recorded(entry, before: before, after: after)
            if view.timer == nil { view.timer = startTimer() }
            draw(&view)
            return false
        }
        if wasEnded { return plain.recorded(entry, before: before, after: after) }
        guard after.isSettled else { return }
        end()
        if let last = Telling.lines(of: entry, before: before, after: after).last, last.phase == nil {
            printer.write(
                "\n" + PlainReporter.block("\(style.mark(last.mark)) ", last.text, below: "  ") + "\n"
            )
        }
    }

    func output(_ line: String, of step: StepID) { take { $0.output(line, of: step) } }
    func watched(_ figures: TrafficFigures) { take { $0.watched(figures) } }

    func draining(connections: Int) {
        if !take({ $0.draining(connections: connections) }) { plain.draining(connections: connections) }
    }

    /// Draws the last frame and leaves it on the screen.
    ///
    /// Twice is as once.
    func end() {
        view.withLock { view in
            guard !view.isEnded else { return }
            view.timer?.cancel()
            draw(&view)
            view.timer = nil
            view.isEnded = true
        }
    }

    /// Shown with the next frame.
    ///
    /// Returns whether the view still takes note.
    @discardableResult
    private func take(_ change: (inout LiveModel) -> Void) -> Bool {
        view.withLock { view in
            guard !view.isEnded else { return false }
            change(&view.model)
            return true
        }
    }

    private func startTimer() -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "bgdeploy.live"))
        let interval = DispatchTimeInterval.milliseconds(1000 / Self.framesPerSecond)
        timer.schedule(deadline: .now() + interval, repeating: interval, leeway: .milliseconds(20))
        timer.setEventHandler { [weak self] in self?.tick() }
        timer.resume()
        return timer
    }

    private func tick() {
        view.withLock { view in
            guard !view.isEnded else { return }
            draw(&view)
        }
    }

    private func draw(_ view: inout View) {
        guard view.model.state != nil else { return }
        let size = size()
        let frame = LiveFrame(model: view.model, now: clock.now(), size: size, style: style)
        printer.write(view.screen.frame(frame.lines, size: size))
    }

    /// Of standard output, asked anew for each frame; 80 × 24 where the terminal does not say.
    static func terminalSize() -> LiveScreen.Size {
        var window = winsize()
        let isKnown =
            ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0 && window.ws_col > 0 && window.ws_row > 0
        return isKnown
            ? LiveScreen.Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
            : LiveScreen.Size(columns: 80, rows: 24)
    }
}
