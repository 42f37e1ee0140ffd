package import DeployCore
package import DeployPorts
import Synchronization

/// The record of begun attempts, kept beyond the processes that began them, as a disk would.
package final class MemoryFolders: AttemptFolders {
    private struct Key: Hashable {
        let run: RunID
        let step: StepID
    }

    private struct State {
        var begun: [Key: [Int]] = [:]
        var refusal: StepFailure?
    }

    private let state = Mutex(State())

    package init() {}

    package func latestAttempt(of step: StepID, in run: RunID) -> Int? {
        state.withLock { $0.begun[Key(run: run, step: step)]?.max() }
    }

    package func begin(_ attempt: Int, of step: StepID, in run: RunID) throws(StepFailure) -> String {
        let refusal = state.withLock { state in
            if state.refusal == nil { state.begun[Key(run: run, step: step), default: []].append(attempt) }
            return state.refusal
        }
        if let refusal { throw refusal }
        return path(of: attempt, of: step, in: run)
    }

    package func path(of attempt: Int, of step: StepID, in run: RunID) -> String {
        "memory/\(run)/\(step)/\(attempt)"
    }

    /// Every attempt of `step` that was begun, in order; one that was begun anew is there twice.
    package func begun(_ step: StepID, in run: RunID) -> [Int] {
        state.withLock { $0.begun[Key(run: run, step: step)] ?? [] }
    }

    /// As a full disk: no folder can be made; `nil` lets it be.
    package func refuse(_ failure: StepFailure?) {
        state.withLock { $0.refusal = failure }
    }
}
