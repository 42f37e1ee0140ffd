public import DeployCore

/// What a playbook's step does, made from its parameters when the playbook is loaded, so that a bad playbook
/// fails before anything runs.
public protocol StepAction: Sendable {
    /// One line for plans and logs, with its `${…}` as they stand: `run ./deploy.sh ${candidate} ${version}`.
    var summary: String { get }

    /// Whether it only looks: such steps run side by side, and again after a crash.
    var isReadOnly: Bool { get }

    /// Whether it goes on when this process ends, so that another can attach to it.
    var survivesUs: Bool { get }

    /// How long it takes by what the playbook says of it: its deadline where the playbook gives none. `nil` where
    /// nothing is said.
    var ownDeadline: Span? { get }

    /// Every name that its texts refer to; `check` and `plan` refuse unknown ones before a run.
    var references: [Reference] { get }

    /// Carries the step out, within `attempt.deadline`. Cancelling the task stops it for good: when the call
    /// returns nothing of it is left running, but for a step that ``survivesUs`` while `attempt.isDetaching()`.
    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult

    /// Finds out, after a crash, what became of `attempt`, by looking at the world. Never starts it.
    func reconcile(_ attempt: StepAttempt) async -> Reconciliation
}

extension StepAction {
    public var survivesUs: Bool { false }
    public var ownDeadline: Span? { nil }

    public func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        isReadOnly ? .neverStarted : .unknown("\(summary) may have been carried out before the interruption")
    }
}

/// One try of one step.
public struct StepAttempt: Sendable {
    public let run: RunID
    public let step: StepID
    /// Counts from 1.
    ///
    /// With `run` and `step` it is the idempotency key, the same again after a crash.
    public let number: Int
    public let deadline: Span
    public let values: Values
    /// A folder for this step's artifacts, which exists and only we can read.
    public let folder: String
    /// Asked when the task is cancelled: whether what runs on its own shall be left running, because only this
    /// process ends and another will attach.
    public let isDetaching: @Sendable () -> Bool
    /// A line of progress or output for the live view; secrets are masked by the receiver.
    public let report: @Sendable (String) -> Void
    /// Something for the run's journal, which reports and later questions draw on; secrets are masked by the
    /// receiver.
    public let note: @Sendable (Note) -> Void
    /// Whether a person is to see all that it finds, such as a query's rows: as lines of ``report``.
    public var isShown = false

    public init(
        run: RunID,
        step: StepID,
        number: Int,
        deadline: Span,
        values: Values,
        folder: String,
        isDetaching: @escaping @Sendable () -> Bool = { false },
        report: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (Note) -> Void = { _ in }
    ) {
        self.run = run
        self.step = step
        self.number = number
        self.deadline = deadline
        self.values = values
        self.folder = folder
        self.isDetaching = isDetaching
        self.report = report
        self.note = note
    }

    /// The same, with all that it finds going to `report`.
    public func showing(_ report: @escaping @Sendable (String) -> Void) -> StepAttempt {
        var attempt = StepAttempt(
            run: run,
            step: step,
            number: number,
            deadline: deadline,
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: report,
            note: note
        )
        attempt.isShown = true
        return attempt
    }
}

/// What a step brought back.
public struct StepResult: Hashable, Sendable {
    public let captures: [String: String]
    /// One line: `exit 0`, `200 in 12 ms`.
    public let summary: String

    public init(captures: [String: String] = [:], summary: String) {
        self.captures = captures
        self.summary = summary
    }
}

/// Why a step failed: what was asked, what came, what was expected.
///
/// May have several lines.
public struct StepFailure: Error, Hashable, Sendable {
    public let message: String
    /// Whether another attempt could help, as after a refused connection but not after a bad URL.
    public let isTransient: Bool

    public init(_ message: String, isTransient: Bool = true) {
        self.message = message
        self.isTransient = isTransient
    }
}

/// What became of a step that was under way when the orchestrator ended.
public enum Reconciliation: Hashable, Sendable {
    case ended(StepResult)
    case failed(StepFailure)
    /// It is safe to perform it now.
    case neverStarted
    /// It still runs: call `perform` to attach to it.
    case running
    case unknown(String)
}
