import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation

/// A command with the common options: its failures are told on standard error, and end the program with their code.
protocol CommandBody: AsyncParsableCommand {
    var common: CommonOptions { get }
    var reach: Reach { get }
    /// What ``ServiceOptions`` says, where the command takes them.
    var chosenService: String? { get }

    /// Does the work and says with which code to end.
    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus
}

extension CommandBody {
    var reach: Reach { .thisHost }
    var chosenService: String? { nil }

    func run() async throws {
        var workplace = Workplace(common)
        let status: ExitStatus
        do throws(CommandFailure) {
            workplace.chosenService = chosenService
            workplace.remote = try workplace.remote(reach, Self.configuration.commandName ?? "this")
            status = try await body(workplace)
        } catch {
            let failure = workplace.remote?.store.cause(of: error) ?? error
            workplace.complain(failure.message)
            status = failure.status
        }
        throw ExitCode(status.rawValue)
    }
}

extension Workplace {
    var printer: Printer { Printer() }
    var style: Style { Style(usesColor: usesColor) }

    func complain(_ message: String) {
        let text = Style.harmless(message)
        if options.output == .github {
            printer.line("::error title=bgdeploy::\(GitHubReporter.escaped(text))")
        }
        Printer.errors.line("bgdeploy: \(text)")
    }

    /// Shows a run that this process drives: live on a terminal, else as ``journalObserver()``.
    ///
    /// The live view ends, and leaves its last frame, with the run or before anything is printed on standard error.
    func observer() -> any RunObserver {
        let isLive =
            options.output == .text && !options.verbose && isatty(STDOUT_FILENO) == 1
            && environment["TERM", default: "dumb"] != "dumb"
        guard isLive else { return journalObserver() }
        let live = LiveReporter(printer: printer, style: style, clock: clock)
        Printer.errors.beforeNextLine { [weak live] in live?.end() }
        return live
    }

    /// Tells each event as the output format asks for.
    func journalObserver() -> any RunObserver {
        switch options.output {
        case .json: JSONReporter(printer: printer)
        case .github: GitHubReporter(printer: printer)
        case .text: PlainReporter(printer: printer, style: style, showsOutput: options.verbose)
        }
    }

    /// Asks on the terminal; `true` without asking when `--yes` was given or nobody is there to ask.
    func confirm(_ question: String) -> Bool {
        guard !options.yes, isatty(STDIN_FILENO) == 1, options.output == .text else { return true }
        printer.write("\(question) [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    /// Tells a run's end where the journal's lines have not, and says which code it means.
    ///
    /// A runbook's run is `named`, since commands go by the playbook's service else.
    func conclude(_ end: RunEnd, _ signals: Signals, named: RunID? = nil) -> ExitStatus {
        let run = named.map { " \($0)" } ?? ""
        switch end {
        case .settled(let state): return ExitStatus(of: state)
        case .waiting(let state):
            let what = state.waiting.map { "waits for \($0.kind): \($0.title)" } ?? "is paused"
            let split = state.plan.runbook == nil ? "; \(state.split)" : ""
            Printer.errors.line("bgdeploy: the run \(what)\(split)\nGo on with `bgdeploy resume\(run)`.")
            return .waiting
        case .stopped(let state) where state.plan.runbook != nil:
            Printer.errors.line("bgdeploy: stopped\nGo on with `bgdeploy resume\(run)`.")
            return signals.first == SIGINT ? .interrupted : .terminated
        case .stopped(let state):
            Printer.errors.line(
                """
                bgdeploy: stopped; the traffic is left as it is: \(state.split)
                Go on with `bgdeploy resume`, or take it back with `bgdeploy rollback`.
                """
            )
            return signals.first == SIGINT ? .interrupted : .terminated
        case .lost: return .held
        case .journalLost(let state, let error, let restored):
            return conclude(state, error, restored)
        }
    }

    private func conclude(_ state: RunState, _ error: RunStoreError, _ restored: [String]) -> ExitStatus {
        let what = CommandFailure(error).message
        guard !restored.isEmpty else {
            let traffic = state.plan.runbook == nil ? "; no traffic moved" : ""
            Printer.errors.line(
                "bgdeploy: the journal could not be written, so nothing more was begun\(traffic)\n\(what)"
            )
            return .failed
        }
        Printer.errors.line(
            """
            bgdeploy: the journal could not be written, so the traffic was put back without it:
            \(restored.map { "  \($0)" }.joined(separator: "\n"))
            \(what)
            """
        )
        let isBack = restored.allSatisfy { $0.contains("\(state.plan.stable) 100 %") }
        return isBack ? .rolledBack : .rollbackFailed
    }
}
