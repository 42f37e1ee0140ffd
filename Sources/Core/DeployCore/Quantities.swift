/// A point in time: milliseconds since the Unix epoch, as told by the engine's clock.
///
/// The core never asks what time it is; every ``RunEvent`` brings its own.
public struct Timestamp: Hashable, Comparable, Codable, Sendable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public func advanced(by span: Span) -> Timestamp {
        Timestamp(milliseconds: milliseconds + span.milliseconds)
    }

    /// The time from `earlier` to this; zero when `earlier` is later, as after a step of the wall clock.
    public func since(_ earlier: Timestamp) -> Span {
        Span(milliseconds: max(0, milliseconds - earlier.milliseconds))
    }

    public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
}

/// A length of time in whole milliseconds, never negative.
public struct Span: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public let milliseconds: Int64

    public init(milliseconds: Int64) {
        precondition(milliseconds >= 0, "a span is never negative")
        self.milliseconds = milliseconds
    }

    public static let zero = Span(milliseconds: 0)
    public static func milliseconds(_ count: Int64) -> Span { Span(milliseconds: count) }
    public static func seconds(_ count: Int64) -> Span { Span(milliseconds: count * 1000) }
    public static func minutes(_ count: Int64) -> Span { .seconds(count * 60) }
    public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

    public var seconds: Double { Double(milliseconds) / 1000 }

    /// As a person writes it, and as the playbook reads it: `250ms`, `30s`, `10m`, `1h30m`, `7d`.
    public var description: String {
        guard milliseconds % 1000 == 0 else {
            return milliseconds < 1000
                ? "\(milliseconds)ms" : "\(milliseconds / 1000)s\(milliseconds % 1000)ms"
        }
        let units: [(name: String, seconds: Int64)] = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
        var rest = milliseconds / 1000
        var text = ""
        for unit in units where rest >= unit.seconds {
            text += "\(rest / unit.seconds)\(unit.name)"
            rest %= unit.seconds
        }
        return text.isEmpty ? "0s" : text
    }
}

/// A part of the traffic in tenths of a percent, 0 through 100 %.
public struct Percent: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// 0 through 1000.
    public let tenths: Int

    /// Returns `nil` outside 0…1000.
    public init?(tenths: Int) {
        guard (0...1000).contains(tenths) else { return nil }
        self.tenths = tenths
    }

    /// Returns `nil` outside 0…100.
    public init?(_ whole: Int) {
        guard (0...100).contains(whole) else { return nil }
        tenths = whole * 10
    }

    private init(unchecked tenths: Int) { self.tenths = tenths }

    public static let zero = Percent(unchecked: 0)
    public static let full = Percent(unchecked: 1000)
    public static func < (left: Self, right: Self) -> Bool { left.tenths < right.tenths }

    /// What is left of the whole.
    public var rest: Percent { Percent(unchecked: 1000 - tenths) }

    /// In percent, 0 through 100.
    public var value: Double { Double(tenths) / 10 }

    /// The number alone: `25`, `12.5`.
    public var description: String { tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)" }
}
