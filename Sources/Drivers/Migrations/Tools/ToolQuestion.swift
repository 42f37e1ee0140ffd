import ChildProcesses
import DeployPorts

/// Asks a tool what a database has, and brings back what it prints; everything together within a minute.
struct ToolQuestion: Sendable {
    let title: String
    /// The playbook's.
    let folder: String
    let values: Values
    private let environment: [String: String]
    private let redactor: Redactor
    private let end: ContinuousClock.Instant

    /// More is no list of migrations.
    private static let outputLimit = 16 << 20

    init<Dialect: ToolDialect>(
        _ dialect: Dialect,
        _ launch: ToolLaunch,
        _ database: MigrationDatabase
    ) throws(StepFailure) {
        title = dialect.title
        folder = launch.folder
        values = database.values
        environment = try launch.environment(of: dialect, on: database, named: "bgdeploy outlook")
        redactor = launch.redactor(for: database)
        end = ContinuousClock.now + .seconds(60)
    }

    /// What it prints on standard output; fails when it does not exit with 0.
    func output(_ arguments: [String]) async throws(StepFailure) -> String {
        // What a tool logs on standard error is no answer.
        let quiet = try await run(["/bin/sh", "-c", "exec \"$@\" 2>/dev/null", "sh"] + arguments)
        if quiet.status == .exited(0) { return try whole(quiet, arguments) }
        // A look changes nothing: it is asked again for the reason, which stands on standard error.
        throw failure(arguments, quiet.status, try await run(arguments).output)
    }

    /// The same, for tools that answer on standard error.
    func words(_ arguments: [String]) async throws(StepFailure) -> String {
        let outcome = try await run(arguments)
        guard outcome.status == .exited(0) else { throw failure(arguments, outcome.status, outcome.output) }
        return try whole(outcome, arguments)
    }

    private func whole(
        _ outcome: ShortCommand.Outcome,
        _ arguments: [String]
    ) throws(StepFailure) -> String {
        guard outcome.wasCut else { return outcome.output }
        throw StepFailure(
            "\(title): `\(shown(arguments))` printed more than \(Self.outputLimit >> 20) MB",
            isTransient: false
        )
    }

    private func run(_ arguments: [String]) async throws(StepFailure) -> ShortCommand.Outcome {
        let left = end - ContinuousClock.now
        do throws(ShortCommandError) {
            return try await ShortCommand.run(
                arguments,
                environment: environment,
                folder: folder,
                deadline: max(1, Int(left / .milliseconds(1))),
                outputLimit: Self.outputLimit
            )
        } catch {
            throw StepFailure(
                redactor.masked("\(title): \(error.message); nothing has been changed"),
                isTransient: false
            )
        }
    }

    private func failure(
        _ arguments: [String],
        _ status: ShortCommand.Outcome.Status,
        _ output: String
    ) -> StepFailure {
        let what =
            switch status {
            case .exited(let code): "exited with status \(code)"
            case .signalled(let signal): "was ended by signal \(signal)"
            case .timedOut: "did not answer within a minute"
            }
        let lines = ToolWords.tail(of: output)
        return StepFailure(
            redactor.masked("\(title): `\(shown(arguments))` \(what); nothing has been changed\(lines)")
        )
    }

    private func shown(_ arguments: [String]) -> String { arguments.joined(separator: " ") }
}
