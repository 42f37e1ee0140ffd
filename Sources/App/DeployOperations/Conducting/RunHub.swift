import DeployCore
package import DeployEngine
import DeployPorts
import Synchronization

/// What this process's runs did, for who counts and for who asked for one.
package final class RunHub: Sendable {
    package let metrics = RunMetrics()

    package init() {}

    /// For what is looked at and not driven.
    package var unheard: any RunObserver { observer(opening: nil) }

    /// Counts what a run does, and tells `opening` of its first entry.
    func observer(opening: Opening?) -> any RunObserver { HubObserver(metrics: metrics, opening: opening) }
}

private struct HubObserver: RunObserver {
    let metrics: RunMetrics
    let opening: Opening?

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        // Who asked for a takeover waits for what he asked for, not for the takeover alone.
        if case .resumed = entry.event.kind {} else { opening?.opened(entry.run) }
        metrics.recorded(entry.run, entry.event.at, before: before, after: after)
    }

    func watched(_ figures: TrafficFigures) {}
    func output(_ line: String, of step: StepID) {}
    func draining(connections: Int) {}
}

/// Answers once: the run that was opened, or why there is none.
final class Opening: Sendable {
    private let waiter: Mutex<CheckedContinuation<Result<RunID, CommandFailure>, Never>?>

    init(_ waiter: CheckedContinuation<Result<RunID, CommandFailure>, Never>) { self.waiter = Mutex(waiter) }

    func opened(_ run: RunID) { answer(.success(run)) }
    func failed(_ failure: CommandFailure) { answer(.failure(failure)) }

    private func answer(_ result: Result<RunID, CommandFailure>) {
        let waiter = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume(returning: result)
    }
}
