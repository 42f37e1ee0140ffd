/// A gate that is open at times.
///
/// The times are absolute: a plan is frozen with the clocks of its place as they were known when the run began.
public struct WindowGate: Hashable, Codable, Sendable {
    /// In order and apart from each other, as far as was looked ahead.
    public let openings: [Opening]
    /// Whether a run that finds it closed ends; else it waits.
    public let stops: Bool

    public init(openings: [Opening], stops: Bool = false) {
        self.openings = openings
        self.stops = stops
    }

    public func isOpen(at now: Timestamp) -> Bool { openings.contains { $0.holds(now) } }

    /// From when on it is open, `now` or later; `nil` for not in the time that was looked ahead.
    public func opens(at now: Timestamp) -> Timestamp? {
        openings.first { now < $0.until }.map { max(now, $0.from) }
    }
}

/// Who let a run go through closed windows, and why.
public struct WindowOverride: Hashable, Codable, Sendable {
    public let by: Actor
    public let reason: String

    public init(by: Actor, reason: String) {
        self.by = by
        self.reason = reason
    }
}
