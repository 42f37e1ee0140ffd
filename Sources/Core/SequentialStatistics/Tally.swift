/// How many requests (or handshakes) there were, and how many of them had the event that is counted.
///
/// Events may exceed requests for a tick: a balancer counts a request when it begins and its failure when it
/// ends.
public struct Tally: Hashable, Sendable {
    public var requests: Int
    public var events: Int

    public init(requests: Int = 0, events: Int = 0) {
        self.requests = requests
        self.events = events
    }

    /// Events per request; zero without requests.
    var rate: Double { requests > 0 ? Double(events) / Double(requests) : 0 }

    /// A rate that the true one is below with great certainty: about 3.1 standard deviations above what was
    /// seen.
    ///
    /// 1 when nothing was seen.
    var upperRate: Double {
        guard requests > 0 else { return 1 }
        let seen = Double(events)
        return (seen + 3.1 * (seen + 1).squareRoot() + 3) / Double(requests)
    }

    static func += (left: inout Self, right: Self) {
        left.requests += right.requests
        left.events += right.events
    }

    static func -= (left: inout Self, right: Self) {
        left.requests -= right.requests
        left.events -= right.events
    }
}

/// One kind of event on both arms over the same stretch of time.
public struct ArmPair: Hashable, Sendable {
    public var candidate: Tally
    public var stable: Tally

    public init(candidate: Tally = Tally(), stable: Tally = Tally()) {
        self.candidate = candidate
        self.stable = stable
    }

    static func += (left: inout Self, right: Self) {
        left.candidate += right.candidate
        left.stable += right.stable
    }

    static func -= (left: inout Self, right: Self) {
        left.candidate -= right.candidate
        left.stable -= right.stable
    }
}

/// Holds ticks back until both arms have requests: a comparison needs both at the same moment.
struct Pairing: Hashable, Sendable, Codable {
    private var pending = ArmPair()
    /// Seconds.
    private var waited = 0.0

    /// Adds a tick of `seconds`; returns what may be compared now.
    ///
    /// What waited for `longest` seconds is dropped: it is no longer the same moment.
    mutating func add(_ pair: ArmPair, seconds: Double, longest: Double) -> ArmPair? {
        pending += pair
        waited += seconds
        let complete = pending
        let isComplete = complete.candidate.requests > 0 && complete.stable.requests > 0
        if isComplete || waited >= longest { self = Pairing() }
        return isComplete ? complete : nil
    }
}
