import ChildProcesses
package import DeployPorts

/// The number that a command prints as its last line.
///
/// It is run without a shell. An exit code other than 0, a deadline passed, and a last line that is not a
/// number from 0 up are no evidence.
package struct CommandGauge: Gauge {
    package let name: String
    private let arguments: [String]
    private let environment: [String: String]
    private let folder: String
    private let milliseconds: Int

    /// Lines of a failed command's output in the message.
    private static let shownLines = 3

    /// `environment` is the whole of it; `folder` is where the command starts.
    package init(
        name: String,
        arguments: [String],
        environment: [String: String],
        folder: String,
        deadline milliseconds: Int = 2000
    ) {
        self.name = name
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.milliseconds = milliseconds
    }

    package func read() async throws(MetricsError) -> Double {
        let outcome: ShortCommand.Outcome
        do throws(ShortCommandError) {
            outcome = try await ShortCommand.run(
                arguments,
                environment: environment,
                folder: folder,
                deadline: milliseconds,
                outputLimit: 65_536
            )
        } catch {
            switch error {
            case .notFound, .notExecutable: throw .unusable("\(title): \(error.message)")
            case .cannotStart: throw .noEvidence("\(title): \(error.message)")
            }
        }
        let lines = outcome.output.split(whereSeparator: \.isNewline)
        switch outcome.status {
        case .exited(0): break
        case .exited(let code): throw .noEvidence("\(title) ended with exit code \(code)\(Self.tail(lines))")
        case .signalled(let signal):
            throw .noEvidence("\(title) was ended by signal \(signal)\(Self.tail(lines))")
        case .timedOut: throw .noEvidence("\(title) was ended after \(milliseconds) ms\(Self.tail(lines))")
        }
        guard !outcome.wasCut, let last = lines.last else {
            throw .noEvidence("\(title) printed \(outcome.wasCut ? "more than 64 KiB" : "nothing")")
        }
        guard let value = Self.number(last), value >= 0 else {
            throw .noEvidence("the last line of \(title) is `\(last.prefix(80))`, not a number from 0 up")
        }
        return value
    }

    /// As JSON writes it, with spaces around it: no `0x10`, no `nan`, no `5%`.
    private static func number(_ line: Substring) -> Double? {
        let text = line.drop { $0 == " " }.split(separator: " ", omittingEmptySubsequences: false)
        guard let word = text.first, text.dropFirst().allSatisfy(\.isEmpty) else { return nil }
        let isPlain = word.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
        }
        guard isPlain, let value = Double(word), value.isFinite else { return nil }
        return value
    }

    private var title: String { "`\(arguments.joined(separator: " "))`" }

    private static func tail(_ lines: [Substring]) -> String {
        let shown = lines.suffix(shownLines)
        return shown.isEmpty ? "" : ": " + shown.joined(separator: " / ")
    }
}
