import DeployCore
import HTTPTypes
import Synchronization

/// Counts refused logins by where they come from: so many a minute, then none is looked at for the rest of it.
///
/// Whoever shows a good token is never held up. It remembers at most ``capacity`` places.
final class FailureLimiter: Sendable {
    static let limit = 10
    static let window = Span.minutes(1)

    private struct Count {
        var failures: Int
        let since: Timestamp
    }

    private let capacity: Int
    private let counts = Mutex<[String: Count]>([:])

    init(capacity: Int = 10_000) { self.capacity = capacity }

    /// Counts a failure; returns how long the place has to wait, or `nil` while it may try again.
    func fail(from source: String, at now: Timestamp) -> Span? {
        let place = Self.place(of: source)
        return counts.withLock { counts in
            var count = counts[place] ?? Count(failures: 0, since: now)
            if Self.isOver(count, now) { count = Count(failures: 0, since: now) }
            count.failures += 1
            if counts[place] == nil, counts.count >= capacity { Self.makeRoom(in: &counts, now) }
            counts[place] = count
            guard count.failures > Self.limit else { return nil }
            return count.since.advanced(by: Self.window).since(now)
        }
    }

    /// Counts a failure; returns the answer to it once there were too many.
    func refusal(of source: String, at now: Timestamp) -> Problem? {
        guard let pause = fail(from: source, at: now) else { return nil }
        var problem = Problem(.tooManyRequests, "too many tokens that are no good; wait a minute")
        problem.headers[.retryAfter] = "\(max(1, (pause.milliseconds + 999) / 1000))"
        return problem
    }

    /// How many places are remembered.
    var count: Int { counts.withLock { $0.count } }

    /// A wall clock that was put back ends a window too.
    private static func isOver(_ count: Count, _ now: Timestamp) -> Bool {
        now < count.since || now.since(count.since) >= window
    }

    private static func makeRoom(in counts: inout [String: Count], _ now: Timestamp) {
        counts = counts.filter { !isOver($0.value, now) }
        // Every place failed within this minute: the oldest half is forgotten at once, so that the next attempts
        // cost nothing.
        guard let oldest = counts.values.map(\.since).sorted().dropFirst(counts.count / 2).first else {
            return
        }
        let kept = counts.filter { $0.value.since > oldest }
        counts = kept
    }

    /// An address; of IPv6 the network of 64 bits, which one customer has for himself.
    private static func place(of source: String) -> String {
        guard source.contains(":") else { return source }
        var parts = source.split(separator: ":", omittingEmptySubsequences: false)
        if let gap = parts.firstIndex(of: "") {
            let missing = max(0, 9 - parts.count)
            parts.replaceSubrange(gap...gap, with: Array(repeating: "0", count: missing))
        }
        return parts.prefix(4).joined(separator: ":") + "::/64"
    }
}
