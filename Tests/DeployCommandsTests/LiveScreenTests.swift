@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Testing

/// The redraw in place.
struct LiveScreenTests {
    private let size = LiveScreen.Size(columns: 80, rows: 24)

    @Test func `the first frame goes down from where the cursor is`() {
        var screen = LiveScreen()
        let text = screen.frame(["a", "b"], size: size)
        #expect(text == "\u{1B}[?7l\r\u{1B}[2Ka\n\u{1B}[2Kb\n\u{1B}[J\u{1B}[?7h")
    }

    @Test func `the next frame begins where the last one began`() {
        var screen = LiveScreen()
        _ = screen.frame(["a", "b", "c"], size: size)
        #expect(screen.frame(["d"], size: size).hasPrefix("\u{1B}[?7l\r\u{1B}[3A\u{1B}[2Kd"))
        #expect(screen.frame([], size: size).contains("\u{1B}[1A"))
    }

    @Test func `a terminal that became narrower has wrapped the old lines`() {
        var screen = LiveScreen()
        let wide = "\u{1B}[32m" + String(repeating: "x", count: 80) + "\u{1B}[0m"
        _ = screen.frame([wide, "b"], size: size)
        let next = screen.frame(["c"], size: LiveScreen.Size(columns: 30, rows: 24))
        #expect(next.contains("\u{1B}[4A"))
    }

    @Test func `the view ends with its last frame, then the summary, and the cursor was never hidden`() throws
    {
        let tape = try Tape()
        let size = size
        let live = LiveReporter(
            printer: tape.printer,
            style: Style(usesColor: false),
            clock: SystemClock(),
            size: { size }
        )
        var script = Script(to: live)
        script.start()
        script.fail("nginx does not answer")
        let text = tape.text
        #expect(!text.contains("\u{1B}[?25l"))
        #expect(!text.contains("\u{1B}[?1049h"))
        let end = try #require(text.range(of: "\u{1B}[J\u{1B}[?7h", options: .backwards))
        let summary = text[end.upperBound...]
        #expect(summary.hasPrefix("\n✗ failed before any traffic moved; blue has all traffic as before\n"))
        live.end()
        #expect(tape.text == text)
    }

    @Test func `after a word on standard error, events are told in plain lines`() throws {
        let tape = try Tape()
        let errors = try Tape()
        let size = size
        let live = LiveReporter(
            printer: tape.printer,
            style: Style(usesColor: false),
            clock: SystemClock(),
            size: { size }
        )
        errors.printer.beforeNextLine { live.end() }
        var script = Script(to: live)
        script.start()
        errors.printer.line("stopping")
        let before = tape.text
        script.succeed("blue 100 %, green 0 %")
        let after = tape.text.dropFirst(before.count)
        #expect(after.contains("✓ balancers can be changed: blue 100 %, green 0 %\n"))
        #expect(!after.contains("\u{1B}"))
    }
}
