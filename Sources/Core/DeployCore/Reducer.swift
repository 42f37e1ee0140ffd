/// The one place where a run changes: an event goes in, the next state and its effects come out.
public enum Reducer {
    public struct Transition: Hashable, Sendable {
        public let state: RunState
        /// What the engine must begin, once the event is durable.
        public let effects: [PendingEffect]
        /// What the engine must stop.
        ///
        /// Stopping a routing effect is never asked for: it is waited for.
        public let cancelled: [Int]
        /// Why a command was not taken.
        ///
        /// The state is then as it was.
        public let refusal: String?

        public init(state: RunState, effects: [PendingEffect], cancelled: [Int], refusal: String?) {
            self.state = state
            self.effects = effects
            self.cancelled = cancelled
            self.refusal = refusal
        }
    }

    /// Answers to effects that are no longer pending change nothing, so a late or doubled answer after a crash
    /// is harmless.
    public static func step(_ state: RunState, _ event: RunEvent) -> Transition {
        var draft = Draft(state: state, now: event.at)
        switch event.kind {
        case .started: draft.start()
        case .resumed: draft.resume()
        case .succeeded(let id, let captures, _): draft.settle(id, .succeeded(captures))
        case .failed(let id, let reason, let traffic): draft.settle(id, .failed(reason, traffic))
        case .judged(let id, let verdict): draft.settle(id, .judged(verdict))
        case .commanded(let command, let actor, let reason): draft.obey(command, by: actor, reason: reason)
        case .noted: break
        }
        draft.keepWatchWhilePaused()
        return draft.transition
    }

    /// The state after `events`, the first of which is `.started`; `nil` without one.
    public static func fold(_ events: some Sequence<RunEvent>) -> RunState? {
        var state: RunState?
        for event in events {
            if case .started(let plan) = event.kind, state == nil { state = RunState(plan: plan) }
            state = state.map { step($0, event).state }
        }
        return state
    }
}

/// How an effect ended.
enum Answer {
    case succeeded([String: String])
    case failed(String, TrafficKnowledge)
    case judged(Verdict)

    var failure: String? {
        if case .failed(let reason, _) = self { reason } else { nil }
    }
}

/// A state being rewritten, together with what the engine is asked on the way.
struct Draft {
    var state: RunState
    let now: Timestamp
    private var issued: [PendingEffect] = []
    private var cancelled: [Int] = []
    private var refusal: String?

    init(state: RunState, now: Timestamp) {
        self.state = state
        self.now = now
    }

    var transition: Reducer.Transition {
        Reducer.Transition(state: state, effects: issued, cancelled: cancelled, refusal: refusal)
    }

    mutating func issue(_ effect: Effect) {
        let pending = PendingEffect(id: state.nextEffectID, effect: effect)
        state.nextEffectID += 1
        state.pending.append(pending)
        issued.append(pending)
    }

    mutating func refuse(_ reason: String) { refusal = reason }

    /// Stops what is under way.
    ///
    /// Waiting is simply forgotten. A step keeps its place until it has really ended, and so does a routing:
    /// either may still change the world.
    mutating func cancelPending() {
        for index in state.pending.indices.reversed() {
            let pending = state.pending[index]
            switch pending.effect {
            case .approval, .wait, .window, .watch, .drain:
                state.pending.remove(at: index)
                cancelled.append(pending.id)
            case .step(let step):
                guard !pending.isCancelled else { continue }
                state.pending[index].isCancelled = true
                if step.isCancellable { cancelled.append(pending.id) }
            case .route:
                state.pending[index].isCancelled = true
            }
        }
    }

    /// Forgets the waiting effects that `matches`.
    mutating func dropWaiting(where matches: (Effect) -> Bool) {
        cancelled += state.pending.filter { matches($0.effect) }.map(\.id)
        state.pending.removeAll { matches($0.effect) }
    }

    mutating func settle(_ id: Int, _ answer: Answer) {
        guard let position = state.pending.firstIndex(where: { $0.id == id }) else { return }
        let pending = state.pending.remove(at: position)
        state.takeovers = 0
        learnOfTraffic(from: pending.effect, answer)
        learnOfTrouble(from: pending, answer)
        if case .succeeded(let captures) = answer {
            state.captures.merge(captures) { _, new in new }
        }
        switch state.stage {
        case .idle, .ended: return
        case .forward(let phase, let progress): advance(phase, progress, pending, answer)
        case .returning(let journey): settleReturn(journey, pending, answer)
        case .released: followUp(pending, answer)
        }
    }

    /// A routing that another process had begun may have landed, whatever the next attempt at it answers.
    mutating func resume() {
        let isInFlight = state.pending.contains { !$0.effect.onlyWaits && !$0.effect.isWatch }
        // Who finds a run that only waits or watches has not found a crash: a hold may outlive many restarts.
        if isInFlight { state.takeovers = min(state.takeovers + 1, RunState.takeoverLimit) }
        let mayHaveLanded = state.pending.contains { pending in
            if case .route(let exposure) = pending.effect { !exposure.isNone } else { false }
        }
        if mayHaveLanded { state.hasMovedTraffic = true }
    }

    private mutating func learnOfTrouble(from pending: PendingEffect, _ answer: Answer) {
        guard case .step(let step) = pending.effect, !pending.isCancelled, answer.failure != nil,
            state.plan.runbook?.check(step.id) != nil
        else { return }
        state.failedChecks.append(step.id)
    }

    /// What may have been in force for a moment counts as moved traffic.
    private mutating func learnOfTraffic(from effect: Effect, _ answer: Answer) {
        guard case .route(let exposure) = effect else { return }
        switch answer {
        case .succeeded:
            state.confirmed = exposure
            if !exposure.isNone { state.hasMovedTraffic = true }
        case .failed(_, .unknown): state.hasMovedTraffic = true
        case .failed(_, .unchanged), .judged: break
        }
    }
}
