import ChildProcesses
import DeployCore
import DeployPorts

/// A migration tool that is called by its commands.
///
/// What changes a database runs under a supervisor of its own: it survives us, and an attempt that is performed
/// again attaches to what the first one started. What looks is a short command.
struct CommandTool<Dialect: ToolDialect>: MigrationTool {
    let dialect: Dialect
    let launch: ToolLaunch

    var title: String { dialect.title }
    var references: [Reference] { dialect.references }
    var survivesUs: Bool { true }

    func outlook(_ database: MigrationDatabase) async throws(StepFailure) -> SchemaOutlook {
        try await dialect.outlook(try ToolQuestion(dialect, launch, database))
    }

    func up(_ database: MigrationDatabase, _ attempt: StepAttempt) async throws(StepFailure) {
        try await carryOut(try dialect.up(database.values), database, attempt)
    }

    func reconcile(_ database: MigrationDatabase, _ attempt: StepAttempt) async -> Reconciliation {
        switch process(for: attempt).state() {
        case .notStarted: .neverStarted
        case .running: .running
        case .ended(let record): await asked(database, whether: record, attempt)
        case .unknown: await asked(database, whether: nil, attempt)
        }
    }

    /// Runs `arguments` once for this attempt, or attaches to them.
    ///
    /// The attempt's folder holds what keeps it from running twice.
    func carryOut(
        _ arguments: [String],
        _ database: MigrationDatabase,
        _ attempt: StepAttempt
    ) async throws(StepFailure) {
        let process = process(for: attempt)
        if process.state() == .notStarted {
            guard !Task.isCancelled else {
                throw StepFailure("\(title) was cancelled before it was started", isTransient: false)
            }
            try await BackendsAtWork.refuse(on: database, title)
        }
        let order = StepOrder(
            arguments: arguments,
            environment: try launch.environment(
                of: dialect,
                on: database,
                named: attempt.applicationName
            ),
            folder: launch.folder,
            deadlineMilliseconds: Int(attempt.deadline.milliseconds),
            secrets: launch.secrets(of: database)
        )
        let record: ExitRecord
        do throws(SupervisionError) {
            try await process.start(order, executable: launch.supervisor)
            record = try await process.wait(following: attempt.report, leaving: attempt.isDetaching)
        } catch {
            let isTransient = if case .cannotStart = error { true } else { false }
            throw StepFailure("\(title): \(error.message)", isTransient: isTransient)
        }
        if !record.isSuccess { throw failure(record, arguments, database, attempt) }
    }

    /// One folder for each attempt.
    private func process(for attempt: StepAttempt) -> SupervisedProcess {
        SupervisedProcess(folder: "\(attempt.folder)/attempt-\(attempt.number)")
    }

    private func failure(
        _ record: ExitRecord,
        _ arguments: [String],
        _ database: MigrationDatabase,
        _ attempt: StepAttempt
    ) -> StepFailure {
        let end = ToolWords.end(of: record, deadline: attempt.deadline)
        let output = ToolWords.tail(of: process(for: attempt).outputTail())
        let command = arguments.joined(separator: " ")
        let text = "`\(command)` \(end); the database is to be asked how far it came\(output)"
        return StepFailure(
            launch.redactor(for: database).masked(text),
            isTransient: record.refusal == nil && !record.isForeignSignal && !record.cancelled
        )
    }

    /// What became of a process that is not there any more: the database is asked, its exit is only told.
    private func asked(
        _ database: MigrationDatabase,
        whether record: ExitRecord?,
        _ attempt: StepAttempt
    ) async -> Reconciliation {
        let end =
            record.map { ToolWords.end(of: $0, deadline: attempt.deadline) }
            ?? "lost its supervisor, and its exit is not known"
        let outlook: SchemaOutlook
        do throws(StepFailure) {
            try await BackendsAtWork.refuse(on: database, title)
            outlook = try await self.outlook(database)
        } catch {
            return .unknown("\(title) \(end), and it is not known how far it came: \(error.message)")
        }
        let head = outlook.head ?? "nothing applied"
        if outlook.pending.isEmpty {
            let captures = ["head": outlook.head ?? ""]
            return .ended(StepResult(captures: captures, summary: "the database is at \(head)"))
        }
        let names = outlook.pending.map(\.name).joined(separator: ", ")
        let found = "\(title) \(end); the database is at \(head), pending: \(names)"
        // An exit of its own is an outcome; after somebody's kill nobody knows what stands half-way.
        guard let record, !record.isForeignSignal else { return .unknown(found) }
        return .failed(StepFailure(found))
    }
}

extension ExitRecord {
    fileprivate var isSuccess: Bool { status == 0 && !timedOut && !cancelled }

    /// It was ended by a signal that was not ours.
    fileprivate var isForeignSignal: Bool { signal != nil && !timedOut && !cancelled }
}
