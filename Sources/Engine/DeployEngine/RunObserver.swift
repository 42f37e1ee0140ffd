package import DeployCore
package import DeployPorts
package import TrafficJudgement

/// Sees a run go by.
///
/// For faces: nothing is decided here, and the run waits for none of these calls to do more than take note.
package protocol RunObserver: Sendable {
    /// An event is durable. `before` is `nil` for the first.
    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState)
    /// A line of a step's output.
    func output(_ line: String, of step: StepID)
    /// What the traffic does, about once a second while it is watched.
    func watched(_ figures: TrafficFigures)
    /// Connections that the stable environment still has.
    func draining(connections: Int)
}

/// A watch as live views show it.
package struct TrafficFigures: Sendable {
    package let watch: Watch
    package let stable: WatchFigures
    package let candidate: WatchFigures
    /// What a person should know; new ones only.
    package let remarks: [String]
    /// The candidate's share so far, asked and measured; `nil` when nothing was asked for.
    package var share: MeasuredShare?
    /// What the evidence says so far; `nil` on the way back and before the first second.
    package var evidence: Evidence?
}
