/// Where in its run a watch stands.
public struct WatchPlace: Hashable, Sendable {
    /// From 0; what is watched after the last share is the last step.
    public let step: Int
    public let steps: Int
    /// The candidate's share of new requests, 0 through 1.
    public let share: Double
    /// Whether the step may end early.
    public let mayEndEarly: Bool

    /// - Precondition: `step` is below `steps`, and `share` within 0 through 1.
    public init(step: Int, of steps: Int, share: Double, mayEndEarly: Bool = false) {
        precondition((0..<steps).contains(step) && (0...1).contains(share))
        self.step = step
        self.steps = steps
        self.share = share
        self.mayEndEarly = mayEndEarly
    }
}
