import TrafficJudgement

/// Turns the counters of one server into what happened between two readings, so that nothing is counted
/// twice.
struct HAProxyLedger: Hashable, Sendable {
    /// Requests that were reported before HAProxy counted them: it counts an error at its own time.
    private var requestsAhead = 0
    /// What `retries` of HAProxy is unless its configuration says otherwise.
    private static let usualRetries = 3

    /// `nil` when a counter went back.
    ///
    /// `hidden` are the requests that were answered well only when they were tried again here, where a log
    /// has told; without it they are reckoned from the repeated attempts: those of requests that failed all
    /// the same are taken off, the rest is at most one for each request that was answered.
    mutating func sample(
        from old: HAProxyCounters.Server,
        to new: HAProxyCounters.Server,
        hidden known: Int? = nil
    ) -> TrafficSample? {
        let counted = new.requests - old.requests
        let failed = new.errors - old.errors
        let redispatched = new.redispatched - old.redispatched
        let abandoned = new.abandoned - old.abandoned
        guard counted >= 0, failed >= 0, redispatched >= 0, abandoned >= 0 else { return nil }
        let repeated = new.repeated - old.repeated - Self.usualRetries * (failed - redispatched)
        let hidden = known ?? min(max(0, repeated), max(0, counted - failed))
        let errors = failed + hidden
        let requests = max(counted - requestsAhead, errors)
        requestsAhead += requests - counted
        return TrafficSample(
            requests: requests,
            errors: errors,
            retried: redispatched + hidden,
            abandoned: abandoned
        )
    }
}
