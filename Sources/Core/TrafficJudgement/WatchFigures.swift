/// One environment's last seconds, for live views.
public struct WatchFigures: Hashable, Sendable {
    public let requestsPerSecond: Double
    /// 0 through 1; `nil` without requests.
    public let errorRate: Double?
    /// In milliseconds; `nil` when no durations are known.
    public let latencyP95: Double?
}

/// What a whole watch measured.
public struct WatchSummary: Hashable, Sendable {
    public enum Evidence: Hashable, Sendable {
        case sufficient
        /// Something was measured, but not enough to call the limits kept.
        case few(String)
        /// Nothing was measured: a limit that seems kept was never tried.
        case none(String)
    }

    /// `green 1,234 requests, 0.1 % errors, p95 12 ms; blue 980 requests, 0.0 % errors, p95 11 ms`.
    public let text: String
    public let evidence: Evidence
}
