/// What is to be done at a time that is known, while nobody drives the run.
public struct PlannedTask: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// A step of `afterwards`.
        case followUp
        /// The environment that is no longer live goes out of service.
        case retirement
        /// A window opens, or the time is over in which it could have.
        case window
        /// Nobody has approved in time.
        case expiry
    }

    public let kind: Kind
    public let due: Timestamp
    /// For a person.
    public let title: String
}

extension RunState {
    /// What is due next and when, of all that `bgdeploy resume` carries out once it is due; `nil` where nothing is.
    ///
    /// Of released runs, and of those that wait at a gate and are not paused. A follow-up that its process left half done is due since
    /// the release. Runs that were interrupted elsewhere are not planned: they are gone on with at once.
    public var nextTask: PlannedTask? {
        plannedTasks.first
    }

    /// All that ``nextTask`` may be in turn, the next first.
    public var plannedTasks: [PlannedTask] {
        guard pause == nil, hasFollowUps || isAtRest else { return [] }
        return pending.compactMap(task).sorted { $0.due < $1.due }
    }

    private func task(of pending: PendingEffect) -> PlannedTask? {
        switch pending.effect {
        case .wait(let step, let until): followUp(step, due: until)
        case .step(let step):
            if case .released(let since, _) = stage { followUp(step.id, due: since) } else { nil }
        case .window(let step, let opens, let until):
            PlannedTask(kind: .window, due: min(opens ?? until, until), title: step.title)
        case .approval(let step, _, let until): PlannedTask(kind: .expiry, due: until, title: step.title)
        case .route, .watch, .drain: nil
        }
    }

    private func followUp(_ id: StepID, due: Timestamp) -> PlannedTask? {
        guard let step = plan.plannedStep(id) else { return nil }
        let isFollowUp = plan.followUps.contains { $0.step.id == id }
        return PlannedTask(kind: isFollowUp ? .followUp : .retirement, due: due, title: step.title)
    }
}

extension Plan {
    /// A step that comes after the release.
    public func plannedStep(_ id: StepID) -> Step? {
        if id == Retirement.check.id { return Retirement.check }
        return followUps.first { $0.step.id == id }?.step ?? retirement?.steps.first { $0.id == id }
    }
}

extension Effect {
    /// When waiting is over; `nil` for what does not only wait.
    var waitEnd: Timestamp? {
        if case .wait(_, let until) = self { until } else { nil }
    }
}

extension Timestamp {
    static let first = Timestamp(milliseconds: .min)
}
