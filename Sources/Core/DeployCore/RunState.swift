/// Where one run stands.
///
/// Equal states behave equally: there is nothing hidden beside these fields.
public struct RunState: Hashable, Codable, Sendable {
    public let plan: Plan
    public internal(set) var stage: Stage
    /// What the balancers last confirmed that the candidate has, not what was last asked for.
    public internal(set) var confirmed: Exposure
    /// Whether the candidate has, or may have, had traffic in this run.
    public internal(set) var hasMovedTraffic: Bool
    public internal(set) var pause: Pause?
    /// Effects handed to the engine and not yet answered, oldest first.
    public internal(set) var pending: [PendingEffect]
    public internal(set) var nextEffectID: Int
    /// Values that steps took from answers, by `step name.capture`.
    public internal(set) var captures: [String: String]
    /// Times that a process took the run over since an effect last ended.
    public internal(set) var takeovers: Int
    /// When the stable environment was taken out of service: from then on users are not put back to it.
    public internal(set) var retiredAt: Timestamp?
    /// Checks of a runbook that failed, in that order; empty for a release.
    public internal(set) var failedChecks: [StepID]

    public init(plan: Plan) {
        self.plan = plan
        stage = .idle
        confirmed = .none
        hasMovedTraffic = false
        pause = nil
        pending = []
        nextEffectID = 1
        captures = [:]
        takeovers = 0
        failedChecks = []
    }
}

extension RunState {
    public enum Stage: Hashable, Codable, Sendable {
        case idle
        case forward(phase: Int, progress: Progress)
        case returning(journey: ReturnJourney)
        /// Everything is on the candidate and watching is over. Still reversible; `next` follow-up is due at
        /// `since` plus its delay.
        case released(since: Timestamp, next: Int)
        case ended(ending: Ending)
    }

    /// How far the current phase has got.
    public enum Progress: Hashable, Codable, Sendable {
        /// `failure` is set once the phase has failed and only its clean-up steps are run.
        case steps(group: Int, failure: String?, approvals: [Actor])
        /// `isRequested` once the application has been told.
        case draining(isRequested: Bool)
        /// `since` is when the balancers confirmed the share; `nil` while it is being routed.
        case shifting(step: Int, since: Timestamp?)
        case monitoring(since: Timestamp)
    }

    public enum Ending: Hashable, Codable, Sendable {
        /// Stopped before the candidate got any traffic.
        case failed(reason: String)
        case rolledBack(reason: String)
        /// Traffic could not be put back. A person has to look; `rollback` may be tried again.
        case rollbackFailed(reason: String)
    }

    public struct Pause: Hashable, Codable, Sendable {
        public let by: Actor
        public let reason: String?

        public init(by: Actor, reason: String?) {
            self.by = by
            self.reason = reason
        }
    }

    /// A rollback under way.
    public struct ReturnJourney: Hashable, Codable, Sendable {
        public let reason: String
        /// The candidate's shares on the way, falling, the last one 0.
        public internal(set) var shares: [Percent]
        public internal(set) var leg: Leg
        /// Tries of the current routing.
        public internal(set) var attempt: Int

        public enum Leg: Hashable, Codable, Sendable {
            /// An earlier routing must be answered, or the first of `shares` is being routed.
            case routing
            case holding
            /// The traffic is back; this step of the rollback plan is being carried out.
            case tidying(step: Int)
        }
    }
}
