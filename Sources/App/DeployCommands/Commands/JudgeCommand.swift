import ArgumentParser
import Foundation
import SequentialStatistics

/// The judge alone, for replays, tuning and other people's data.
struct JudgeCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "judge",
        abstract: "Judge ticks from standard input: one JSON object a line in, one JSON verdict a line out.",
        discussion: """
            A tick is what both environments answered in one second, a verdict what a run would do: CONTINUE, HOLD,
            PROMOTE, INCONCLUSIVE or ROLLBACK. docs/reference/judge.md has the fields. Every verdict is printed
            before the next line is read.
            """
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "A JSON file whose keys override the judge's defaults.") var config: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        var monitor = Monitor(try Self.configuration(config))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        let printer = workplace.printer
        var number = 0
        while let line = readLine() {
            number += 1
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            let judgement = monitor.observe(try Self.tick(line, number))
            guard let text = try? encoder.encode(judgement) else {
                throw CommandFailure(.failed, "the verdict on line \(number) cannot be written")
            }
            printer.line(String(decoding: text, as: UTF8.self))
        }
        return .done
    }

    private static func configuration(_ path: String?) throws(CommandFailure) -> Configuration {
        guard let path else { return Configuration() }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.badInput, "\(path) cannot be read")
        }
        do {
            return try JSONDecoder().decode(Configuration.self, from: data)
        } catch {
            throw CommandFailure(.badInput, "\(path): \(told(error))")
        }
    }

    private static func tick(_ line: String, _ number: Int) throws(CommandFailure) -> Tick {
        do {
            return try JSONDecoder().decode(Tick.self, from: Data(line.utf8))
        } catch {
            throw CommandFailure(.badInput, "standard input, line \(number): \(told(error))")
        }
    }

    private static func told(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        return switch error {
        case .dataCorrupted(let context), .keyNotFound(_, let context), .typeMismatch(_, let context),
            .valueNotFound(_, let context):
            (context.codingPath.isEmpty
                ? "" : context.codingPath.map(\.stringValue).joined(separator: ".") + ": ")
                + context.debugDescription
        @unknown default: "\(error)"
        }
    }
}
