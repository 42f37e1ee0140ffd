import DeployCore
import DeployPorts
import Synchronization

/// A step of which the runbook's author says that it only looks, or that what it finds is to be shown.
struct LookingStep: StepAction {
    /// As much is shown; the whole output stays in the step's folder.
    private static let lineLimit = 40
    private static let textLimit = 8000

    let base: any StepAction
    let isReadOnly: Bool
    let shows: Bool

    var summary: String { base.summary }
    var survivesUs: Bool { base.survivesUs }
    var ownDeadline: Span? { base.ownDeadline }
    var references: [Reference] { base.references }

    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        guard shows else { return try await base.perform(attempt) }
        let lines = Mutex<[String]>([])
        defer { tell(lines.withLock { $0 }, attempt) }
        return try await base.perform(
            attempt.showing { line in
                lines.withLock { $0.append(line) }
                attempt.report(line)
            }
        )
    }

    /// The end of it: what a command says last matters most.
    private func tell(_ lines: [String], _ attempt: StepAttempt) {
        guard !lines.isEmpty else { return }
        let text = lines.suffix(Self.lineLimit).joined(separator: "\n").suffix(Self.textLimit)
        attempt.note(
            Note(
                topic: RunbookFold.topic,
                text: String(text),
                facts: [RunbookFold.stepFact: attempt.step.rawValue]
            )
        )
    }

    func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        switch await base.reconcile(attempt) {
        // What only looks can be asked again.
        case .unknown where isReadOnly: .neverStarted
        case let found: found
        }
    }
}
