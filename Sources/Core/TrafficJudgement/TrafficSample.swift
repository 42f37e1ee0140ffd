/// What one environment's requests did in one stretch of time.
public struct TrafficSample: Hashable, Codable, Sendable {
    public var requests: Int
    /// Server errors and failures to answer at all; never a client's error.
    ///
    /// An attempt that failed is one even when a retry hid it from the client.
    public var errors: Int
    /// Requests whose first attempt failed here and was hidden by a retry, here or elsewhere.
    ///
    /// Each is counted once, at the environment whose attempt failed.
    public var retried: Int
    /// Requests whose client left before the answer was complete; never errors.
    public var abandoned: Int
    /// Empty when the source knows no single requests.
    public var latencies: LatencyHistogram

    public init(
        requests: Int = 0,
        errors: Int = 0,
        retried: Int = 0,
        abandoned: Int = 0,
        latencies: LatencyHistogram = LatencyHistogram()
    ) {
        self.requests = requests
        self.errors = errors
        self.retried = retried
        self.abandoned = abandoned
        self.latencies = latencies
    }

    /// Errors per request, 0 through 1; `nil` without requests.
    public var errorRate: Double? {
        requests > 0 ? Double(errors) / Double(requests) : nil
    }

    public static func += (left: inout Self, right: Self) {
        left.requests += right.requests
        left.errors += right.errors
        left.retried += right.retried
        left.abandoned += right.abandoned
        left.latencies += right.latencies
    }
}
