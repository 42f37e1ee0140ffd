/// Something the engine must do in the world.
///
/// The whole vocabulary is here.
///
/// Every effect says what must hold afterwards ("the candidate has 25 %"), never a change ("15 % more"), so
/// that carrying one out twice after a crash leaves the same world as once. There is no effect that migrates
/// a database backwards, on purpose.
public enum Effect: Hashable, Codable, Sendable {
    /// Carry out a step of kind `action`, `inspectBalancers` or `retire`.
    case step(step: Step)
    /// Wait for approvals; answered `.failed` when `until` has passed.
    case approval(step: Step, people: Int, until: Timestamp)
    /// Answer `.succeeded` at `until`.
    case wait(step: StepID, until: Timestamp)
    /// Answer `.succeeded` at `opens`; `.failed`, at once, where that is after `until` or `nil`.
    case window(step: Step, opens: Timestamp?, until: Timestamp)
    /// Make `candidate` what the candidate has at every balancer, verified, or change nothing.
    case route(candidate: Exposure)
    /// Judge the traffic; answer by `.judged`.
    case watch(watch: Watch)
    /// Wait until the stable environment has no connections or `until` has passed.
    case drain(until: Timestamp)
}

/// What to judge, and until when.
public struct Watch: Hashable, Codable, Sendable {
    public enum Purpose: String, Hashable, Codable, Sendable {
        /// A canary step is held.
        case hold
        /// A person, or bgdeploy itself, paused the run while the candidate has traffic.
        case pause
        case monitor
        /// Between two steps of a gradual rollback.
        case rollback
    }

    public let purpose: Purpose
    public let candidate: Exposure
    public let since: Timestamp
    public let until: Timestamp

    public init(purpose: Purpose, candidate: Exposure, since: Timestamp, until: Timestamp) {
        self.purpose = purpose
        self.candidate = candidate
        self.since = since
        self.until = until
    }
}

/// An effect under way.
///
/// `id` counts up within a run and is never used again.
public struct PendingEffect: Hashable, Codable, Sendable {
    public let id: Int
    public let effect: Effect
    /// The run no longer wants it: the engine stops it and answers, but its answer decides nothing.
    public internal(set) var isCancelled: Bool

    public init(id: Int, effect: Effect, isCancelled: Bool = false) {
        self.id = id
        self.effect = effect
        self.isCancelled = isCancelled
    }
}

extension Effect {
    var isRouting: Bool {
        if case .route = self { true } else { false }
    }
}
