import DeployOperations
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
        var monitor = Monitor(try ConfigurationOverrides(path: config).applied(to: Configuration()))
        let printer = workplace.printer
        var number = 0
        while let line = readLine() {
            number += 1
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            let judgement = monitor.observe(try Self.tick(line, number))
            printer.line(try JSONLine.of(judgement, "the verdict on line \(number)"))
        }
        return .done
    }

    private static func tick(_ line: String, _ number: Int) throws(CommandFailure) -> Tick {
        do {
            return try JSONDecoder().decode(Tick.self, from: Data(line.utf8))
        } catch {
            throw CommandFailure(.badInput, "standard input, line \(number): \(told(error))")
        }
    }
}
