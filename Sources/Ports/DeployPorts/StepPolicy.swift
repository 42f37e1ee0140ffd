public import DeployCore

/// How the engine tries a step; none of the core's business.
public struct StepPolicy: Hashable, Sendable {
    /// At least 1.
    public let attempts: Int
    public let every: Span
    /// Each pause is this many times as long as the one before; at least 1.
    public let backoff: Double
    /// Whether it may be carried out again when it is not known what became of it.
    public let isIdempotent: Bool
    /// The step is left out when this does not hold.
    public let condition: StepCondition?
    /// Its captured values are `steps.NAME.CAPTURE`.
    public let captureName: String

    public init(
        attempts: Int = 1,
        every: Span = .seconds(1),
        backoff: Double = 1,
        isIdempotent: Bool = false,
        condition: StepCondition? = nil,
        captureName: String = ""
    ) {
        self.attempts = attempts
        self.every = every
        self.backoff = backoff
        self.isIdempotent = isIdempotent
        self.condition = condition
        self.captureName = captureName
    }

    /// The longest pause between two attempts.
    public static let longestPause = Span.minutes(60)

    /// The pause after the attempt with this number, counted from 1; `nil` when it was the last.
    public func pause(after attempt: Int) -> Span? {
        guard attempt < attempts else { return nil }
        var length = Double(every.milliseconds)
        for _ in 1..<max(1, attempt) where length < Double(Self.longestPause.milliseconds) {
            length *= backoff
        }
        return min(Self.longestPause, .milliseconds(Int64(min(length, 1e12))))
    }
}

/// `when:`, an equality of two texts.
public struct StepCondition: Hashable, Sendable {
    public let left: Template
    public let right: Template

    public init(left: Template, right: Template) {
        self.left = left
        self.right = right
    }

    public var references: [Reference] { left.references + right.references }

    /// Fails when a value that it needs does not exist.
    public func holds(in values: Values) throws(StepFailure) -> Bool {
        try left.resolved(in: values) == right.resolved(in: values)
    }
}
