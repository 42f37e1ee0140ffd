extension RunState {
    /// The run in one word, as `status` and the journal's readers say it.
    ///
    /// Whether a process drives it is not part of the state: a run that nobody holds is `interrupted`, which
    /// its reader adds.
    public enum Condition: String, Hashable, Codable, Sendable {
        case running, waiting, paused, succeeded, failed, rolledBack, rollbackFailed
    }

    /// What a run waits for.
    public struct Waiting: Hashable, Sendable {
        /// `approval`, `hold`, `monitor`, `wait`, `window` or `drain`.
        public let kind: String
        public let until: Timestamp
        /// For a person.
        public let title: String
    }

    public var condition: Condition {
        switch stage {
        case .idle, .returning: .running
        case .forward: pause != nil ? .paused : (isWaiting ? .waiting : .running)
        case .released: .succeeded
        case .ended(.failed): .failed
        case .ended(.rolledBack): .rolledBack
        case .ended(.rollbackFailed): .rollbackFailed
        }
    }

    /// Nothing more happens unless somebody asks for it.
    public var isSettled: Bool {
        switch stage {
        case .released, .ended: true
        case .idle, .forward, .returning: false
        }
    }

    /// The phase in which the run stands; `nil` before it began and after it ended.
    public var phase: PhaseName? {
        switch stage {
        case .idle, .ended: nil
        case .forward(let index, _): plan.phases[index].name
        case .returning: .rollback
        case .released: .afterwards
        }
    }

    /// Whether a routing is under way, so that the split in force is not known.
    public var isRouting: Bool { pending.contains { $0.effect.isRouting } }

    /// Whether a released run has follow-ups, or a retirement, that were not carried out.
    public var hasFollowUps: Bool {
        if case .released = stage { !pending.isEmpty } else { false }
    }

    /// Whether nothing is lost while no process drives the run: it waits for a person or for a window, and the
    /// candidate has no traffic that somebody would have to watch.
    public var isAtRest: Bool {
        guard confirmed.isNone, case .forward = stage else { return false }
        return pending.allSatisfy { $0.effect.isApproval || $0.effect.isWindow }
    }

    /// Why a run that failed or was rolled back did so.
    public var reason: String? {
        switch stage {
        case .ended(.failed(let reason)), .ended(.rolledBack(let reason)),
            .ended(.rollbackFailed(let reason)):
            reason
        case .returning(let journey): journey.reason
        case .forward(_, .steps(_, let failure, _)): failure
        case .idle, .forward, .released: nil
        }
    }

    public var split: Split { plan.split(candidate: confirmed) }

    private var isWaiting: Bool { waiting.map { $0.kind != "monitor" && $0.kind != "drain" } ?? false }

    public var waiting: Waiting? {
        // Of what is planned after a release, the next.
        let soonest = pending.sorted { ($0.effect.waitEnd ?? .first) < ($1.effect.waitEnd ?? .first) }
        for pending in isSettled ? soonest : pending where !pending.isCancelled {
            switch pending.effect {
            case .approval(let step, _, let until):
                return Waiting(kind: "approval", until: until, title: step.title)
            case .wait(let step, let until):
                return Waiting(kind: "wait", until: until, title: plan.plannedStep(step)?.title ?? "\(step)")
            case .window(let step, let opens, let until):
                return Waiting(kind: "window", until: opens ?? until, title: step.title)
            case .watch(let watch):
                let kind = watch.purpose == .monitor ? "monitor" : "hold"
                return Waiting(kind: kind, until: watch.until, title: "\(watch.candidate) watched")
            case .drain(let until):
                return Waiting(kind: "drain", until: until, title: "connections to \(plan.stable)")
            case .step, .route: continue
            }
        }
        return nil
    }
}
