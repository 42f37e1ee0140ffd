import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import SequentialStatistics

/// Past runs judged anew.
struct MonitorCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "What other settings would have decided on a past run's traffic.",
        discussion: """
            Judges again what the journal has of a run, second by second, by the settings of the run's own playbook or by
            some of your choice, and puts the verdicts beside those that were recorded. Nothing is changed.
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Option(help: "The run.") var replay: String
    @Option(help: "A JSON file whose keys override the run's settings, as in `judge`.") var config: String?
    @Flag(help: "Print what was counted, a JSON object a second as `judge` reads it.") var ticks = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let store = try await workplace.store()
        let run = try await RunHistory(store: store, service: nil).run(replay)
        guard let traffic = RecordedTraffic(run) else {
            throw CommandFailure(
                .failed,
                """
                run \(run.record.id) has nothing to replay: while \(run.state.plan.candidate) had traffic, nothing \
                was counted
                A balancer that tells what it sees is needed: HAProxy does, nginx with a `log:`.
                """
            )
        }
        if ticks {
            for tick in traffic.ticks { workplace.printer.line(try JSONLine.of(tick, "a tick")) }
            return .done
        }
        var judge = await RunJudge.of(run, store)
        let overrides = try ConfigurationOverrides(path: config)
        let changes = overrides.changes(of: judge.configuration)
        judge.configuration = try overrides.applied(to: judge.configuration)
        let view = ReplayView(
            run: run,
            traffic: traffic,
            replay: Replay(traffic.ticks, by: judge),
            judge: judge,
            changes: changes
        )
        switch workplace.options.output {
        case .json: workplace.printer.line(JSON.text(view.json, indent: 1))
        case .text, .github: workplace.printer.line(view.text)
        }
        return .done
    }
}

/// What the judge reads and writes: one JSON object a line, with sorted keys.
enum JSONLine {
    /// `what` names the value where it cannot be written.
    static func of(_ value: some Encodable, _ what: String) throws(CommandFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        guard let data = try? encoder.encode(value) else {
            throw CommandFailure(.failed, "\(what) cannot be written")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
