/// What both arms did in one tick, and where the run stood.
public struct Tick: Hashable, Sendable {
    /// One arm's counts.
    ///
    /// Slow is what took longer than τ on the stable arm and than 1.25 τ on the candidate; very slow, than
    /// 1.40 τ, is asked of the candidate only. τ is the stable arm's 95th percentile before the tick.
    public struct Arm: Hashable, Sendable {
        public let requests: Int
        /// Server errors and failures to answer; never a client's.
        public let errors: Int
        /// Requests whose durations are known: the ones that `slow` and `verySlow` are parts of.
        public let timed: Int
        public let slow: Int
        public let verySlow: Int
        /// WebSocket handshakes.
        public let handshakes: Int
        public let failedHandshakes: Int
        public let exceptions: Int

        public static let silent = Arm()

        private init() {
            (requests, errors, timed, slow, verySlow) = (0, 0, 0, 0, 0)
            (handshakes, failedHandshakes, exceptions) = (0, 0, 0)
        }

        /// Refuses a count that is negative or above ``Tick/largestCount``; `timed` is all requests unless told.
        public init(
            requests: Int,
            errors: Int = 0,
            timed: Int? = nil,
            slow: Int = 0,
            verySlow: Int = 0,
            handshakes: Int = 0,
            failedHandshakes: Int = 0,
            exceptions: Int = 0
        ) throws(TickError) {
            let timed = timed ?? requests
            for count in [requests, errors, timed, slow, verySlow, handshakes, failedHandshakes, exceptions] {
                guard (0...Tick.largestCount).contains(count) else { throw .impossibleCount(count) }
            }
            self.requests = requests
            self.errors = errors
            self.timed = timed
            self.slow = slow
            self.verySlow = verySlow
            self.handshakes = handshakes
            self.failedHandshakes = failedHandshakes
            self.exceptions = exceptions
        }
    }

    /// More than any balancer handles in a tick; sums of it over centuries stay within `Int`.
    public static let largestCount = 1_000_000_000

    /// Seconds since the first step began.
    public let start: Double
    /// From 0.
    public let step: Int
    public let steps: Int
    /// The candidate's share of new requests, 0 through 1.
    public let share: Double
    public let candidate: Arm
    public let stable: Arm

    /// Refuses what no run can have measured.
    public init(
        start: Double,
        step: Int,
        of steps: Int,
        share: Double,
        candidate: Arm,
        stable: Arm
    ) throws(TickError) {
        guard (0...1e12).contains(start) else { throw .impossibleTime(start) }
        guard (1...1_000_000).contains(steps), (0..<steps).contains(step) else {
            throw .impossibleStep(step, of: steps)
        }
        guard (0...1).contains(share) else { throw .impossibleShare(share) }
        self.start = start
        self.step = step
        self.steps = steps
        self.share = share
        self.candidate = candidate
        self.stable = stable
    }

    var isLastStep: Bool { step == steps - 1 }
}

/// Why there is no tick; it is no evidence of anything.
public enum TickError: Error, Hashable, Sendable, CustomStringConvertible {
    case impossibleCount(Int)
    case impossibleTime(Double)
    case impossibleStep(Int, of: Int)
    case impossibleShare(Double)

    public var description: String {
        switch self {
        case .impossibleCount(let count):
            "a count from 0 to \(Tick.largestCount) is expected; found \(count)"
        case .impossibleTime(let time):
            "seconds since the start (`t`), 0 through 1e12, are expected; found \(time)"
        case .impossibleStep(let step, let steps):
            "a step (`step`) from 0 to one below `steps` is expected; found \(step) of \(steps)"
        case .impossibleShare(let share): "a share (`w`) from 0 to 1 is expected; found \(share)"
        }
    }
}
