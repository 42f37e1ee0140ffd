import DeployCore
import DeployEngine
import DeployPorts
import Synchronization

/// Keeps what an observer is told.
final class RecordingObserver: RunObserver {
    private struct State {
        var entries: [JournalEntry] = []
        var latest: RunState?
        var lines: [String] = []
        var figures: [TrafficFigures] = []
        var connections: [Int] = []
    }

    private let state = Mutex(State())

    var entries: [JournalEntry] { state.withLock { $0.entries } }
    /// The run after the last durable event.
    var latest: RunState? { state.withLock { $0.latest } }
    var lines: [String] { state.withLock { $0.lines } }
    var figures: [TrafficFigures] { state.withLock { $0.figures } }
    var connections: [Int] { state.withLock { $0.connections } }

    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        state.withLock { state in
            state.entries.append(entry)
            state.latest = after
        }
    }

    func output(_ line: String, of step: StepID) { state.withLock { $0.lines.append(line) } }
    func watched(_ figures: TrafficFigures) { state.withLock { $0.figures.append(figures) } }
    func draining(connections: Int) { state.withLock { $0.connections.append(connections) } }
}
