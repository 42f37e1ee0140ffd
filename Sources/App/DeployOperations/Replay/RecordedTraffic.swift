package import DeployCore
import DeployEngine
import DeployPorts
package import SequentialStatistics
import TrafficJudgement

/// What was counted in a run second by second, and what was decided upon it, as the journal has them.
///
/// The way back is left out: what is measured there is no evidence about the candidate.
package struct RecordedTraffic {
    /// How one watch ended.
    package struct Ending {
        package enum Cause: Equatable {
            case judged(DeployCore.Verdict)
            case commanded(Command, by: Actor)
        }

        package let at: Timestamp
        package let cause: Cause
        /// The last tick that was counted before it.
        package let tick: Int
        /// Since the first watch began; a person's order may come after the last tick.
        package let second: Int

        package var isRollback: Bool {
            switch cause {
            case .judged(.rollBack), .judged(.rollBackGradually): true
            case .judged: false
            case .commanded(let command, _): command.isWayBack
            }
        }

        /// `nil` for what the run decided by itself.
        package var person: Actor? {
            if case .commanded(_, let actor) = cause { actor } else { nil }
        }
    }

    /// When the first watch began.
    package let began: Timestamp
    /// Never empty.
    package let ticks: [Tick]
    /// In their order.
    package let endings: [Ending]

    /// `nil` when nothing was counted.
    package init?(_ run: RecordedRun) {
        var began: Timestamp?
        var ticks: [Tick] = []
        var endings: [Ending] = []
        var state: RunState?
        for entry in run.entries {
            if case .started(let plan) = entry.event.kind, state == nil { state = RunState(plan: plan) }
            guard let before = state else { continue }
            switch entry.event.kind {
            case .noted(let note):
                ticks += Self.ticks(in: note)
                began = began ?? Self.began(note)
            case .judged, .commanded:
                guard let cause = Self.cause(entry.event.kind, before), let began, let last = ticks.last
                else { break }
                var second = Int(last.start)
                if case .commanded = cause { second = max(second, Int(entry.event.at.since(began).seconds)) }
                endings.append(
                    Ending(at: entry.event.at, cause: cause, tick: ticks.count - 1, second: second)
                )
            case .started, .resumed, .succeeded, .failed: break
            }
            state = Reducer.step(before, entry.event).state
        }
        guard let began, !ticks.isEmpty else { return nil }
        self.began = began
        self.ticks = ticks
        self.endings = endings
    }

    /// When `tick` ended, to the second.
    package func time(of tick: Int) -> Timestamp {
        began.advanced(by: .milliseconds(Int64(ticks[tick].start * 1000)))
    }

    /// Seconds since the first watch began.
    package func second(of tick: Int) -> Int { Int(ticks[tick].start) }

    /// What took the traffic back, where something did.
    package var rollback: Ending? { endings.first(where: \.isRollback) }

    private static func ticks(in note: Note) -> [Tick] {
        guard note.facts[TrafficWatcher.Fact.isReturn] == nil else { return [] }
        return note.facts[TrafficWatcher.Fact.ticks].map { CanaryJudge.ticks(in: $0) } ?? []
    }

    private static func began(_ note: Note) -> Timestamp? {
        guard note.facts[TrafficWatcher.Fact.isReturn] == nil else { return nil }
        let milliseconds = note.facts[TrafficWatcher.Fact.began].flatMap { Int64($0) }
        return milliseconds.map(Timestamp.init(milliseconds:))
    }

    private static func cause(_ kind: RunEvent.Kind, _ before: RunState) -> Ending.Cause? {
        switch kind {
        case .judged(let id, let verdict):
            guard case .watch(let watch) = before.pending.first(where: { $0.id == id })?.effect,
                watch.purpose != .rollback
            else { return nil }
            return .judged(verdict)
        case .commanded(let command, let actor, _):
            if case .returning = before.stage { return nil }
            switch command {
            case .promote, .abort, .rollback: return .commanded(command, by: actor)
            case .approve, .pause, .proceed, .retire, .note: return nil
            }
        default: return nil
        }
    }
}
