/// A time in which a window is open: from `from` on, and no longer at `until`.
///
/// Persisted as a part of a plan.
public struct Opening: Hashable, Codable, Sendable {
    public let from: Timestamp
    public let until: Timestamp

    public init(from: Timestamp, until: Timestamp) {
        self.from = from
        self.until = until
    }

    func holds(_ time: Timestamp) -> Bool { from <= time && time < until }
}

extension [Opening] {
    /// The same times in order, those that touch made one.
    func merged() -> [Opening] {
        var merged: [Opening] = []
        for next in sorted(by: { ($0.from, $0.until) < ($1.from, $1.until) }) {
            if let last = merged.last, next.from <= last.until {
                merged[merged.count - 1] = Opening(from: last.from, until: Swift.max(last.until, next.until))
            } else {
                merged.append(next)
            }
        }
        return merged
    }

    /// These times without `others`; both are merged.
    func without(_ others: [Opening]) -> [Opening] {
        flatMap { opening -> [Opening] in
            var from = opening.from
            var rest: [Opening] = []
            for other in others where other.until > from && other.from < opening.until {
                if other.from > from { rest.append(Opening(from: from, until: other.from)) }
                from = other.until
            }
            if from < opening.until { rest.append(Opening(from: from, until: opening.until)) }
            return rest
        }
    }
}
