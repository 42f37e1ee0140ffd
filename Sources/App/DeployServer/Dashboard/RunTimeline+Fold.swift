import DeployCore
import DeployOperations
import DeployPorts

extension RunTimeline {
    /// One effect from its beginning to its answer, or until nobody wanted it any more.
    struct Act {
        let id: Int
        let effect: Effect
        let position: Position
        let since: Timestamp
        var ended: Timestamp?
        /// `nil` while it is under way.
        var outcome: Mark?
        var detail: String?
    }

    /// The journal read once, from the first entry to the last.
    struct Fold {
        private(set) var acts: [Act] = []
        private(set) var lines: [ToldLine] = []
        private(set) var spans: [Position: (since: Timestamp, ended: Timestamp?)] = [:]
        /// Where the run left the way forward; `nil` while it is on it.
        private(set) var turnedAt: Position?

        init(_ entries: [JournalEntry]) {
            var state: RunState?
            for entry in entries {
                let isFirst = state == nil
                if case .started(let plan) = entry.event.kind, isFirst { state = RunState(plan: plan) }
                guard let before = state else { continue }
                let after = Reducer.step(before, entry.event).state
                if !Self.isMeasurement(entry.event.kind) {
                    lines += Telling.lines(of: entry, before: isFirst ? nil : before, after: after)
                }
                settle(entry.event, before, after)
                move(from: before, to: after, at: entry.event.at)
                begin(entry.effects, after, at: entry.event.at)
                state = after
            }
        }

        func acts(at position: Position) -> [Act] { acts.filter { $0.position == position } }

        /// What the charts show already.
        private static func isMeasurement(_ kind: RunEvent.Kind) -> Bool {
            if case .noted(let note) = kind { note.topic == "traffic" } else { false }
        }

        private mutating func begin(_ effects: [PendingEffect], _ after: RunState, at now: Timestamp) {
            guard let position = Position(after.stage) else { return }
            for pending in effects {
                acts.append(Act(id: pending.id, effect: pending.effect, position: position, since: now))
            }
        }

        private mutating func settle(_ event: RunEvent, _ before: RunState, _ after: RunState) {
            let left = Set(after.pending.map(\.id))
            for pending in before.pending where !left.contains(pending.id) {
                guard let index = acts.lastIndex(where: { $0.id == pending.id }) else { continue }
                let (outcome, detail) = Self.outcome(of: pending, event.kind)
                acts[index].ended = event.at
                acts[index].outcome = outcome
                acts[index].detail = detail
            }
        }

        private static func outcome(of pending: PendingEffect, _ kind: RunEvent.Kind) -> (Mark, String?) {
            switch kind {
            case .succeeded(pending.id, _, let summary):
                return (pending.isCancelled ? .skipped : .done, summary)
            case .failed(pending.id, let reason, _): return (pending.isCancelled ? .skipped : .failed, reason)
            case .judged(pending.id, .passed(let summary)): return (.done, summary)
            case .judged(pending.id, .inconclusive(let reason)): return (.done, reason)
            case .judged(pending.id, .rollBack(let reason)),
                .judged(pending.id, .rollBackGradually(let reason)):
                return (.failed, reason)
            case .commanded(.approve, let actor, _): return (.done, "approved by \(actor)")
            case .commanded(.promote, let actor, _): return (.done, "promoted by \(actor)")
            case .commanded(let command, let actor, _): return (.skipped, "\(command.word) by \(actor)")
            default: return (.skipped, nil)
            }
        }

        private mutating func move(from before: RunState, to after: RunState, at now: Timestamp) {
            let (old, new) = (Position(before.stage), Position(after.stage))
            if case .ended = after.stage, turnedAt == nil { turnedAt = old }
            if new == .rollback, old != .rollback, turnedAt == nil { turnedAt = old }
            guard old != new else { return }
            if let old { spans[old]?.ended = now }
            if let new, spans[new] == nil { spans[new] = (now, nil) }
        }
    }
}
