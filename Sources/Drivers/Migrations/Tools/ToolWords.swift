import ChildProcesses
import DeployCore

/// What is told of a tool's process.
enum ToolWords {
    /// Lines of output in a failure's message.
    private static let shownLines = 20

    /// The last lines of `output`, to stand behind a sentence; nothing when there are none.
    static func tail(of output: String) -> String {
        let lines = output.split(omittingEmptySubsequences: false) { $0.isNewline }
            .reversed().drop { $0.isEmpty }.prefix(shownLines).reversed()
        return lines.isEmpty ? "" : ":\n" + lines.joined(separator: "\n")
    }

    /// How it ended, to stand behind its name.
    static func end(of record: ExitRecord, deadline: Span) -> String {
        let took = Span(milliseconds: Int64(record.durationMilliseconds / 100 * 100))
        if let refusal = record.refusal { return "could not be started: \(refusal)" }
        if record.timedOut { return "timed out after \(deadline); it and all that it had started were ended" }
        if record.cancelled {
            return "was cancelled after \(took); it and all that it had started were ended"
        }
        if let signal = record.signal {
            return "was ended after \(took) by signal \(signal), which bgdeploy did not send"
        }
        guard let status = record.status else { return "did not end within two seconds of SIGKILL" }
        return "exited with status \(status) after \(took)"
    }
}
