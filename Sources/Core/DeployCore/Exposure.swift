/// What the candidate has of the traffic: a share, and perhaps the chosen users whatever the share is.
///
/// Persisted as the share, with `chosenUsers` beside its tenths where there are some.
public struct Exposure: Hashable, Sendable, CustomStringConvertible {
    public let share: Percent
    /// Whether the users whom the playbook names are on the candidate too; never with 100 %, which has them anyway.
    public let hasChosenUsers: Bool

    public init(_ share: Percent, chosenUsers: Bool = false) {
        self.share = share
        hasChosenUsers = chosenUsers && share < .full
    }

    public static let none = Exposure(.zero)
    public static let full = Exposure(.full)

    public var isNone: Bool { share == .zero && !hasChosenUsers }

    /// `25 %`, `chosen users`, `25 % and chosen users`.
    public var description: String {
        guard hasChosenUsers else { return "\(share) %" }
        return share == .zero ? "chosen users" : "\(share) % and chosen users"
    }
}

extension Exposure: Codable {
    private enum CodingKeys: String, CodingKey {
        case chosenUsers
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let chosenUsers = try container.decodeIfPresent(Bool.self, forKey: .chosenUsers) ?? false
        self.init(try Percent(from: decoder), chosenUsers: chosenUsers)
    }

    public func encode(to encoder: any Encoder) throws {
        try share.encode(to: encoder)
        guard hasChosenUsers else { return }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(true, forKey: .chosenUsers)
    }
}
