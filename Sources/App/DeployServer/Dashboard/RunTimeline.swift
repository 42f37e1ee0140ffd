import DeployCore
package import DeployOperations
import DeployPorts

/// A run's journal as phases, with what was done in each, and as told lines.
package struct RunTimeline {
    typealias Mark = Planned.Mark

    /// A step, a share of the traffic, a wait.
    struct Item {
        let title: String
        let step: StepID?
        let mark: Mark
        let since: Timestamp?
        let ended: Timestamp?
        /// How it ended, in words.
        let detail: String?
        /// When it is to begin, where that is known.
        let due: Timestamp?
    }

    struct Stage {
        let name: PhaseName
        /// What is to be expected, in a few words.
        let outlook: String
        let mark: Mark
        let since: Timestamp?
        let ended: Timestamp?
        let items: [Item]
    }

    let stages: [Stage]
    /// Oldest first; what was measured is left out, and what began once its end is told.
    let lines: [ToldLine]

    package init(_ run: RecordedRun) {
        let fold = Fold(run.entries)
        stages = Self.stages(run.state, fold)
        lines = fold.lines.enumerated().filter { line in
            line.element.mark != .begins || line.offset == fold.lines.count - 1
        }.map(\.element)
    }

    /// Where in the plan a run stands.
    enum Position: Hashable {
        case forward(Int)
        case rollback, afterwards

        init?(_ stage: RunState.Stage) {
            switch stage {
            case .forward(let index, _): self = .forward(index)
            case .returning: self = .rollback
            case .released: self = .afterwards
            case .idle, .ended: return nil
            }
        }
    }

    // MARK: phases

    private static func stages(_ state: RunState, _ fold: Fold) -> [Stage] {
        let plan = state.plan
        var stages = plan.phases.indices.map { index -> Stage in
            let mark = mark(of: index, state, fold)
            let items = Planned.items(of: plan.phases[index], plan).map {
                item($0, fold.acts(at: .forward(index)), in: mark)
            }
            return stage(
                plan.phases[index].name,
                plan.phases[index].outlook,
                mark,
                .forward(index),
                items,
                fold
            )
        }
        if fold.spans[.rollback] != nil, state.hasMovedTraffic {
            let mark = wayBack(state)
            let acts = fold.acts(at: .rollback)
            let items = Planned.wayBack(acts.map(\.effect), plan).map { item($0, acts, in: mark) }
            stages.append(stage(.rollback, "all traffic to \(plan.stable)", mark, .rollback, items, fold))
        }
        if !plan.followUps.isEmpty { stages.append(afterwards(state, fold)) }
        return stages
    }

    private static func stage(
        _ name: PhaseName,
        _ outlook: String,
        _ mark: Mark,
        _ position: Position,
        _ items: [Item],
        _ fold: Fold
    ) -> Stage {
        let span = fold.spans[position]
        return Stage(
            name: name,
            outlook: outlook,
            mark: mark,
            since: span?.since,
            ended: span?.ended,
            items: items
        )
    }

    private static func mark(of index: Int, _ state: RunState, _ fold: Fold) -> Mark {
        switch state.stage {
        case .idle: return .toCome
        case .forward(let current, _): return index < current ? .done : index == current ? .current : .toCome
        case .released: return .done
        case .returning, .ended:
            switch fold.turnedAt {
            case .forward(let turned): return index < turned ? .done : index == turned ? .failed : .skipped
            case .afterwards: return .done
            case .rollback, nil: return .skipped
            }
        }
    }

    private static func wayBack(_ state: RunState) -> Mark {
        switch state.stage {
        case .ended(.rolledBack): .done
        case .ended: .failed
        case .idle, .forward, .returning, .released: .current
        }
    }

    private static func afterwards(_ state: RunState, _ fold: Fold) -> Stage {
        let mark: Mark =
            switch state.stage {
            case .released: state.hasFollowUps ? .current : .done
            case .returning, .ended: .skipped
            case .idle, .forward: .toCome
            }
        let acts = fold.acts(at: .afterwards)
        let items = state.plan.followUps.map { followUp -> Item in
            var due: Timestamp?
            if case .released(let since, _) = state.stage { due = since.advanced(by: followUp.after) }
            return item(Planned(followUp.step), acts, in: mark, due: due)
        }
        let count = items.count == 1 ? "1 task" : "\(items.count) tasks"
        return stage(.afterwards, count, mark, .afterwards, items, fold)
    }

    // MARK: what was done in them

    /// A wait for a follow-up is not its beginning.
    private static func item(_ planned: Planned, _ all: [Act], in stage: Mark, due: Timestamp? = nil) -> Item
    {
        let acts = all.filter { planned.isDone(by: $0.effect) && !(due != nil && $0.effect.isWaiting) }
        let mark: Mark
        if acts.contains(where: { $0.ended == nil }) {
            mark = .current
        } else if let outcome = acts.last?.outcome {
            mark = outcome
        } else {
            mark = stage == .toCome || stage == .current ? .toCome : .skipped
        }
        return Item(
            title: planned.title,
            step: planned.step,
            mark: mark,
            since: acts.first?.since,
            ended: mark == .current ? nil : acts.last?.ended,
            detail: acts.compactMap(\.detail).last,
            due: mark == .toCome ? due : nil
        )
    }
}

extension Effect {
    fileprivate var isWaiting: Bool {
        if case .wait = self { true } else { false }
    }
}
