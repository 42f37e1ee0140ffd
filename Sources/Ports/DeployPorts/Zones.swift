public import DeployCore

/// The time zones of the world.
public protocol Zones: Sendable {
    /// How the clocks of `zone`, such as `America/New_York`, stand from `start` until `end`; `nil` for a zone that
    /// does not exist.
    func offsets(of zone: String, from start: Timestamp, until end: Timestamp) -> ZoneOffsets?

    /// Names of zones, for telling what somebody probably meant.
    var names: [String] { get }
}

/// `UTC` and no other zone.
public struct OnlyUTC: Zones {
    public init() {}

    public func offsets(of zone: String, from start: Timestamp, until end: Timestamp) -> ZoneOffsets? {
        zone == names[0] ? .utc : nil
    }

    public var names: [String] { ["UTC"] }
}
