/// How much of the traffic each of the two environments has; the two parts are always 100 % together.
public struct Split: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The environment whose share is ``share``; the other has the rest.
    public let environment: EnvironmentName
    public let share: Percent
    public let other: EnvironmentName
    /// The environment that has the chosen users besides its share; `nil` when nobody is chosen, or when it has
    /// everything anyway.
    public let chosen: EnvironmentName?

    /// - Precondition: `environment` and `other` differ, and `chosen` is one of them.
    public init(
        _ environment: EnvironmentName,
        _ share: Percent,
        other: EnvironmentName,
        chosen: EnvironmentName? = nil
    ) {
        precondition(environment != other, "a split is between two environments")
        precondition(
            chosen == nil || chosen == environment || chosen == other,
            "users of a third environment"
        )
        self.environment = environment
        self.share = share
        self.other = other
        let hasAll = chosen == environment ? share == .full : share == .zero
        self.chosen = hasAll ? nil : chosen
    }

    /// The part of `name`; zero for an environment that is not in this split.
    public func share(of name: EnvironmentName) -> Percent {
        if name == environment { return share }
        return name == other ? share.rest : .zero
    }

    /// The environment that has everything; `nil` while the traffic is divided.
    public var live: EnvironmentName? {
        guard chosen == nil else { return nil }
        if share == .full { return environment }
        return share == .zero ? other : nil
    }

    public var environments: [EnvironmentName] { [environment, other].sorted() }

    /// Whether this is `other` as nearly as a balancer can keep it: HAProxy's weights end at 256, so that
    /// with some numbers of servers a share is up to a quarter of a point off.
    ///
    /// All and nothing are always exact.
    public func isNearly(_ other: Split) -> Bool {
        guard environments == other.environments, live == other.live, chosen == other.chosen else {
            return false
        }
        return abs(share.tenths - other.share(of: environment).tenths) <= 3
    }

    /// The same split, told from either side, is equal.
    public static func == (left: Split, right: Split) -> Bool {
        left.environments == right.environments
            && left.share(of: left.environment) == right.share(of: left.environment)
            && left.chosen == right.chosen
    }

    public func hash(into hasher: inout Hasher) {
        for name in environments { hasher.combine(name); hasher.combine(share(of: name)) }
        hasher.combine(chosen)
    }

    /// `blue 75 %, green 25 %`, or `blue 100 %, green 0 % and chosen users`.
    public var description: String {
        environments.map { "\($0) \(share(of: $0)) %\($0 == chosen ? " and chosen users" : "")" }
            .joined(separator: ", ")
    }
}
