import ChildProcesses
import DeployCore
package import DeployPorts
package import SecureShell

/// A step that is a command on this host or, over SSH, on another: `run` (an argument list) or `script` (a shell
/// text).
///
/// It is carried out by a supervisor process of its own and survives the orchestrator: performing an attempt a
/// second time attaches to the first, whatever has become of it, and never runs the command again.
///
/// The command gets the orchestrator's environment, since deploy scripts count on their CI variables, their
/// `SSH_AUTH_SOCK` and their proxies; but not the variables that the playbook declares as secrets (they come as
/// `BGDEPLOY_SECRET_NAME`) and none of the orchestrator's own `BGDEPLOY_*`. On top of it come the step's `env`
/// and the run's values. It starts in the playbook's folder with an empty standard input and umask 022.
/// On another host it gets the step's `env` and the run's values alone, and starts where a login does.
package struct CommandStep: StepAction {
    enum Command {
        case run([Template])
        case script(String)
    }

    let command: Command
    /// The step's own variables.
    let variables: [Variable]
    /// `nil` for this one.
    package let host: SSHHost?
    let folder: String
    let launcher: Launcher

    struct Variable {
        let name: String
        let value: Template
    }

    /// What the catalogue gives every command.
    struct Launcher: Sendable {
        /// Our own program: it becomes the supervisor.
        let supervisor: String
        /// The orchestrator's.
        let environment: [String: String]
        /// Asked when a command on another host is started.
        let client: @Sendable () -> SSHClient
    }

    package var isReadOnly: Bool { false }
    package var survivesUs: Bool { true }

    package var summary: String {
        switch command {
        case .run(let arguments):
            "run " + arguments.map { Self.quoted($0.source) }.joined(separator: " ") + place
        case .script(let text): "script " + Self.firstLine(of: text) + place
        }
    }

    private var place: String { host.map { " on \($0)" } ?? "" }

    package var references: [Reference] {
        let own = variables.flatMap(\.value.references)
        guard case .run(let arguments) = command else { return own }
        return arguments.flatMap(\.references) + own
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let process = process(for: attempt)
        if Task.isCancelled, process.state() == .notStarted {
            throw StepFailure("\(summary) was cancelled before it was started", isTransient: false)
        }
        let order = try order(for: attempt)
        let record: ExitRecord
        do throws(SupervisionError) {
            try await process.start(order, executable: launcher.supervisor)
            record = try await process.wait(following: attempt.report, leaving: attempt.isDetaching)
        } catch {
            throw failure(for: error)
        }
        return try verdict(on: record, of: process, attempt).get()
    }

    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        let process = process(for: attempt)
        switch process.state() {
        case .notStarted: return .neverStarted
        case .running: return .running
        case .unknown: return .unknown("\(summary): \(SupervisionError.lost.message)")
        case .ended(let record):
            switch verdict(on: record, of: process, attempt) {
            case .success(let result): return .ended(result)
            // Somebody else's signal says nothing about what the command had done until then.
            case .failure(let failure) where isLost(record, process): return .unknown(failure.message)
            case .failure(let failure): return .failed(failure)
            }
        }
    }

    /// One folder per attempt: its claim is what keeps the attempt from being run twice.
    private func process(for attempt: StepAttempt) -> SupervisedProcess {
        SupervisedProcess(folder: "\(attempt.folder)/attempt-\(attempt.number)")
    }

    private func order(for attempt: StepAttempt) throws(StepFailure) -> StepOrder {
        if let host { return try remoteOrder(for: attempt, on: host) }
        return StepOrder(
            arguments: try arguments(attempt.values),
            environment: try environment(for: attempt),
            folder: folder,
            deadlineMilliseconds: Int(attempt.deadline.milliseconds),
            secrets: Array(attempt.values.secrets.values)
        )
    }

    func arguments(_ values: Values) throws(StepFailure) -> [String] {
        switch command {
        case .script(let text): return ["/bin/sh", "-c", text]
        case .run(let templates):
            var arguments: [String] = []
            for template in templates { arguments.append(try template.resolved(in: values)) }
            return arguments
        }
    }

    private func verdict(
        on record: ExitRecord,
        of process: SupervisedProcess,
        _ attempt: StepAttempt
    ) -> Result<StepResult, StepFailure> {
        let took = record.duration
        if record.isSuccess { return .success(StepResult(summary: "exit 0 in \(took)\(place)")) }
        if let failure = sshFailure(record, process) {
            let words = Redactor(secrets: attempt.values.secrets.values).masked(failure.message)
            return .failure(StepFailure("\(summary): \(words)", isTransient: failure.isTransient))
        }
        let redactor = Redactor(secrets: attempt.values.secrets.values)
        let title = redactor.masked(title(in: attempt.values))
        let what =
            if let refusal = record.refusal { "could not be started: \(refusal)" } else {
                record.describe(deadline: attempt.deadline)
            }
        let lines = process.outputTail().split(omittingEmptySubsequences: false) { $0.isNewline }
            .reversed().drop { $0.isEmpty }.prefix(Self.shownLines).reversed()
        let output = lines.isEmpty ? "" : ":\n" + lines.joined(separator: "\n")
        return .failure(
            StepFailure(redactor.masked("\(title) \(what)\(output)"), isTransient: record.isTransientFailure)
        )
    }

    private func failure(for error: SupervisionError) -> StepFailure {
        StepFailure("\(summary): \(error.message)", isTransient: error.isTransient)
    }

    /// Lines of output in a failure's message.
    private static let shownLines = 20

    /// The command as it was run, for a person.
    private func title(in values: Values) -> String {
        guard case .run = command, let arguments = try? arguments(values) else { return summary }
        return "run " + arguments.map(Self.quoted).joined(separator: " ") + place
    }

    private static func quoted(_ text: String) -> String {
        let needsNone = !text.isEmpty && !text.contains { $0.isWhitespace || "'\"".contains($0) }
        return needsNone ? text : "'\(text)'"
    }

    private static func firstLine(of text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline)
        let first = lines.first.map(String.init) ?? ""
        return first.count > 72 || lines.count > 1 ? "\(first.prefix(72)) …" : first
    }
}
