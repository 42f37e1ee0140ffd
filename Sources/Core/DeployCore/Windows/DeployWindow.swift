/// When a run may go on, by the calendar and the clocks of one place.
///
/// A time is inside when a clock on the wall there shows it: an hour that a change of the clocks leaves out does
/// not happen, and one that happens twice counts twice.
public struct DeployWindow: Hashable, Sendable {
    /// Open at no other times; always open where there are none.
    public let only: [WindowHours]
    /// Closed at these times.
    public let not: [WindowHours]
    /// Closed on these days.
    public let freezes: [Freeze]

    public init(only: [WindowHours] = [], not: [WindowHours] = [], freezes: [Freeze] = []) {
        self.only = only
        self.not = not
        self.freezes = freezes
    }

    /// The times between `start` and `end` at which it is open, in order and apart from each other.
    ///
    /// `zone` tells the clocks for that stretch.
    public func openings(
        from start: Timestamp,
        until end: Timestamp,
        in zone: ZoneOffsets
    ) -> [Opening] {
        guard start < end else { return [] }
        let stretches = zone.stretches(from: start, until: end)
        let open = only.isEmpty ? [Opening(from: start, until: end)] : Self.times(of: only, in: stretches)
        let frozen = stretches.flatMap { stretch in
            stretch.days.filter { day in freezes.contains { $0.days.contains(day) } }
                .compactMap { stretch.time(of: WindowHours.wholeDay, on: $0) }
        }
        return open.without((Self.times(of: not, in: stretches) + frozen).merged())
    }

    private static func times(of hours: [WindowHours], in stretches: [LocalStretch]) -> [Opening] {
        stretches.flatMap { stretch in
            stretch.days.flatMap { day in
                hours.filter { $0.begin(on: day) }.compactMap { stretch.time(of: $0.minutes, on: day) }
            }
        }.merged()
    }
}

extension DeployWindow: CustomStringConvertible {
    /// `only Mon-Fri 09:00-17:00, not Fri 16:00-24:00, frozen 2026-12-20..2027-01-03`.
    public var description: String {
        let parts = [
            ("only", only.map(\.text)), ("not", not.map(\.text)), ("frozen", freezes.map(\.text)),
        ]
        return parts.filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1.joined(separator: ", "))" }
            .joined(separator: "; ")
    }
}

/// Hours that come again: of each day, of some days of the week, or of one such day of each month.
public struct WindowHours: Hashable, Sendable {
    /// Which of a month's Saturdays, say.
    enum Week: String, CaseIterable, Hashable, Sendable {
        case first, second, third, fourth, last
    }

    static let wholeDay = 0..<(24 * 60)

    let days: Set<Weekday>
    let week: Week?
    /// After midnight of such a day; beyond 24:00 they are of the next day.
    let minutes: Range<Int>
    /// As it was written.
    public let text: String

    func begin(on day: CalendarDay) -> Bool {
        guard days.contains(day.weekday) else { return false }
        guard let week else { return true }
        if week == .last { return day.isLastOfWeekday }
        return Week.allCases.firstIndex(of: week) == (day.parts.day - 1) / 7
    }
}

/// Days in a row on which nothing is deployed.
public struct Freeze: Hashable, Sendable {
    public let days: ClosedRange<CalendarDay>
    /// As it was written.
    public let text: String
}
