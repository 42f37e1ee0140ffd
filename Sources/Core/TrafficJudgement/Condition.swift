/// A limit as a playbook writes it: `> 5%`, `> 1.5x stable`, `< 0.8x before`, `> 500`, `> 500ms`.
///
/// It describes the *breach*: `.met` means that the limit is broken.
public struct Condition: Hashable, Sendable, CustomStringConvertible {
    public enum Relation: String, Hashable, Sendable {
        case above = ">"
        case atLeast = ">="
        case below = "<"
        case atMost = "<="
    }

    public enum Limit: Hashable, Sendable {
        /// A number without a unit, compared as it stands.
        case number(Double)
        /// Written in percent, kept as a share: `5%` is 0.05. Compared with shares, 0 through 1.
        case share(Double)
        /// Written in `ms` or `s`.
        case milliseconds(Double)
        /// A multiple of what the stable environment shows at the same time.
        case timesStable(Double)
        /// A multiple of what was measured before the candidate got traffic.
        case timesBefore(Double)
    }

    public enum Outcome: Hashable, Sendable {
        case met
        case notMet
        /// There is nothing to compare, and why.
        case noEvidence(String)
    }

    public let relation: Relation
    public let limit: Limit
    /// As it was written.
    public let description: String

    /// For limits that the code itself states.
    init(_ relation: Relation, _ limit: Limit, written: String) {
        self.relation = relation
        self.limit = limit
        description = written
    }

    /// Compares `value` with the limit.
    ///
    /// A value that is not a finite number is no evidence, and so is a value outside 0 through 1 where the
    /// limit is in percent.
    public func evaluate(_ value: Double, stable: Double? = nil, before: Double? = nil) -> Outcome {
        guard value.isFinite else { return .noEvidence("the value is not a finite number") }
        switch limit {
        case .number(let bound), .milliseconds(let bound):
            return outcome(value, bound)
        case .share(let bound):
            guard (0...1).contains(value) else {
                return .noEvidence(
                    "`\(self)` needs a share from 0 to 1, found \(Figure.plain(value)); "
                        + "without `%` it is compared as it stands"
                )
            }
            return outcome(value, bound)
        case .timesStable(let factor):
            guard let stable, stable.isFinite else {
                return .noEvidence("nothing is known of the stable side")
            }
            return outcome(value, factor * stable)
        case .timesBefore(let factor):
            guard let before, before.isFinite else {
                return .noEvidence("nothing was measured before the switch")
            }
            return outcome(value, factor * before)
        }
    }

    private func outcome(_ value: Double, _ bound: Double) -> Outcome {
        let isMet =
            switch relation {
            case .above: value > bound
            case .atLeast: value >= bound
            case .below: value < bound
            case .atMost: value <= bound
            }
        return isMet ? .met : .notMet
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.relation == right.relation && left.limit == right.limit
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(relation)
        hasher.combine(limit)
    }
}
