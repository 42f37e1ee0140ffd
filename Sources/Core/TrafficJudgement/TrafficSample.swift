/// What one environment's requests did in one stretch of time.
public struct TrafficSample: Hashable, Sendable {
    public var requests: Int
    /// Server errors and failures to answer at all; never a client's error.
    public var errors: Int
    /// Empty when the source knows no single requests.
    public var latencies: LatencyHistogram

    public init(requests: Int = 0, errors: Int = 0, latencies: LatencyHistogram = LatencyHistogram()) {
        self.requests = requests
        self.errors = errors
        self.latencies = latencies
    }

    /// Errors per request, 0 through 1; `nil` without requests.
    public var errorRate: Double? {
        requests > 0 ? Double(errors) / Double(requests) : nil
    }

    public static func += (left: inout Self, right: Self) {
        left.requests += right.requests
        left.errors += right.errors
        left.latencies += right.latencies
    }
}
