import DeployCore
import Testing

/// Windows by the clocks of a place, told as openings in UTC.
@Suite struct DeployWindowTests {
    @Test func `weekdays from nine to five`() throws {
        let openings = try Self.openings(
            only: ["Mon-Fri 09:00-17:00"],
            "2026-11-20 00:00",
            "2026-11-24 00:00"
        )
        #expect(openings == ["2026-11-20 09:00 17:00", "2026-11-23 09:00 17:00"])
    }

    @Test func `never on Friday evening and at the weekend, in New York`() throws {
        let openings = try Self.openings(
            not: ["Fri 16:00-24:00", "Sat", "Sun"],
            "2026-11-20 00:00",
            "2026-11-24 00:00",
            Self.newYork
        )
        // 16:00 there is 21:00 UTC, and their Monday begins at 05:00 UTC.
        #expect(openings == ["2026-11-20 00:00 21:00", "2026-11-23 05:00 24:00"])
    }

    @Test func `the first Saturday and the last Friday of a month`() throws {
        let openings = try Self.openings(
            only: ["first Sat 01:00-06:00", "last Fri 10:00-11:00"],
            "2026-11-01 00:00",
            "2027-01-10 00:00"
        )
        #expect(
            openings == [
                "2026-11-07 01:00 06:00", "2026-11-27 10:00 11:00", "2026-12-05 01:00 06:00",
                "2026-12-25 10:00 11:00", "2027-01-02 01:00 06:00",
            ]
        )
    }

    @Test func `hours go over midnight, also from the day before the first`() throws {
        let openings = try Self.openings(only: ["Sat 22:00-04:00"], "2026-11-22 00:00", "2026-11-29 12:00")
        #expect(openings == ["2026-11-22 00:00 04:00", "2026-11-28 22:00 28:00"])
    }

    @Test func `days go over the end of the week`() throws {
        let openings = try Self.openings(not: ["Sat-Mon"], "2026-11-20 00:00", "2026-11-25 00:00")
        #expect(openings == ["2026-11-20 00:00 24:00", "2026-11-24 00:00 24:00"])
    }

    @Test func `nothing is deployed in a freeze, its last day included, by the calendar of the place`() throws
    {
        let openings = try Self.openings(
            freezes: ["2026-12-20..2027-01-03", "2027-01-05"],
            "2026-12-19 00:00",
            "2027-01-07 00:00",
            Self.newYork
        )
        #expect(
            openings == ["2026-12-19 00:00 29:00", "2027-01-04 05:00 29:00", "2027-01-06 05:00 24:00"]
        )
    }

    @Test func `what is closed is closed although it is open too`() throws {
        let openings = try Self.openings(
            only: ["09:00-17:00"],
            not: ["Wed 12:00-13:00"],
            freezes: ["2026-11-26"],
            "2026-11-25 00:00",
            "2026-11-28 00:00"
        )
        #expect(
            openings == ["2026-11-25 09:00 12:00", "2026-11-25 13:00 17:00", "2026-11-27 09:00 17:00"]
        )
    }

    // MARK: changes of the clocks

    @Test func `an hour that the clocks leave out does not happen`() throws {
        // At 02:00 on 8 March 2026 the clocks of New York went to 03:00.
        let zone = ZoneOffsets(
            seconds: -5 * 3600,
            changes: [.init(at: try Self.time("2026-03-08 07:00"), seconds: -4 * 3600)]
        )
        let day = ("2026-03-08 00:00", "2026-03-09 00:00")
        #expect(
            try Self.openings(only: ["Sun 02:00-04:00"], day.0, day.1, zone) == ["2026-03-08 07:00 08:00"]
        )
        #expect(try Self.openings(only: ["Sun 02:15-02:45"], day.0, day.1, zone) == [])
        #expect(
            try Self.openings(only: ["Sun 01:00-02:30"], day.0, day.1, zone) == ["2026-03-08 06:00 07:00"]
        )
        #expect(
            try Self.openings(only: ["Sun 02:30-03:30"], day.0, day.1, zone) == ["2026-03-08 07:00 07:30"]
        )
    }

    @Test func `an hour that happens twice counts twice`() throws {
        // At 02:00 on 1 November 2026 they went back to 01:00.
        let zone = ZoneOffsets(
            seconds: -4 * 3600,
            changes: [.init(at: try Self.time("2026-11-01 06:00"), seconds: -5 * 3600)]
        )
        let day = ("2026-11-01 00:00", "2026-11-02 00:00")
        #expect(
            try Self.openings(only: ["Sun 01:00-02:00"], day.0, day.1, zone) == ["2026-11-01 05:00 07:00"]
        )
        #expect(
            try Self.openings(only: ["Sun 01:15-01:45"], day.0, day.1, zone)
                == ["2026-11-01 05:15 05:45", "2026-11-01 06:15 06:45"]
        )
        #expect(
            try Self.openings(only: ["Sun 01:30-03:00"], day.0, day.1, zone)
                == ["2026-11-01 05:30 06:00", "2026-11-01 06:30 08:00"]
        )
    }

    @Test func `a day that a place never had does not happen`() throws {
        // Samoa went over the date line at the end of 29 December 2011.
        let zone = ZoneOffsets(
            seconds: -10 * 3600,
            changes: [.init(at: try Self.time("2011-12-30 10:00"), seconds: 14 * 3600)]
        )
        let openings = try Self.openings(
            only: ["Thu,Fri 12:00-13:00"],
            "2011-12-28 00:00",
            "2012-01-04 00:00",
            zone
        )
        #expect(openings == ["2011-12-29 22:00 23:00"])
    }

    // MARK: words

    @Test(arguments: [
        "Sat", "saturday", "Sat,Sun", "Mon-Fri 9:00-17:00", "00:00-24:00", "last Fri 22:00-02:00",
    ])
    func `words that a window knows`(text: String) throws {
        #expect(try WindowHours(text).text == text)
    }

    @Test(arguments: [
        "", "Sam", "Sat-", "Sat,,Sun", "Mon-Wed-Fri", "first", "first 09:00-17:00", "sixth Sat", "09:00",
        "9-17",
        "Sat 25:00-26:00", "Sat 09:60-10:00", "Sat 24:00-02:00", "Sat 09:00-09:00", "Sat 09:00-24:01",
        "first Sat 09:00-10:00 UTC", "09:00-10:00 Sat",
    ])
    func `words that it does not`(text: String) {
        #expect(throws: WindowMistake.self) { _ = try WindowHours(text) }
    }

    @Test(arguments: [
        "2026-2-01", "2026-02-30", "2027-02-29", "2026-13-01", "0000-01-01", "2026-12-20..", "24.12.2026",
        "2026-12-20..2026-12-19", "2026-12-20..2026-12-22..2026-12-24", "٢٠٢٦-١٢-٢٠",
    ])
    func `days that are none`(text: String) {
        #expect(throws: WindowMistake.self) { _ = try Freeze(text) }
    }

    @Test func `days are counted as the calendar does`() throws {
        #expect(CalendarDay(number: 0).description == "1970-01-01")
        #expect(CalendarDay("2000-02-29")?.number == 11_016)
        #expect(CalendarDay("1969-12-31")?.weekday == .wednesday)
        #expect(CalendarDay("2026-11-21")?.weekday == .saturday)
        var day = try #require(CalendarDay("1890-01-01"))
        let last = try #require(CalendarDay("2110-01-01"))
        while day < last {
            let parts = day.parts
            #expect(CalendarDay(year: parts.year, month: parts.month, day: parts.day) == day)
            day = CalendarDay(number: day.number + 1)
        }
    }

    /// By hand: every minute of half a year, asked of the rules themselves.
    @Test func `openings are the minutes that the rules hold`() throws {
        let zone = ZoneOffsets(
            seconds: 5400,
            changes: [
                .init(at: try Self.time("2026-03-29 01:00"), seconds: 9000),
                .init(at: try Self.time("2026-06-10 22:30"), seconds: 5400),
            ]
        )
        let window = DeployWindow(
            only: [try WindowHours("Tue-Fri 22:30-03:15"), try WindowHours("second Sun 01:00-05:00")],
            not: [try WindowHours("Wed 23:00-24:00")],
            freezes: [try Freeze("2026-04-01..2026-04-14")]
        )
        let (from, until) = (try Self.time("2026-03-20 00:00"), try Self.time("2026-06-20 00:00"))
        let openings = window.openings(from: from, until: until, in: zone)
        var wrong: [String] = []
        for minute in from.milliseconds / 60_000..<until.milliseconds / 60_000 {
            let time = Timestamp(milliseconds: minute * 60_000)
            let seconds = zone.changes.last { $0.at <= time }?.seconds ?? zone.seconds
            let isOpen = openings.contains { $0.from <= time && time < $0.until }
            if isOpen != Self.isOpen(atLocal: minute + Int64(seconds) / 60) { wrong.append(time.utcText) }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    /// The window of the test above, told once more in another way.
    private static func isOpen(atLocal minute: Int64) -> Bool {
        let day = CalendarDay(number: Int(minute / 1440))
        let before = CalendarDay(number: day.number - 1)
        let time = Int(minute % 1440)
        let working: [Weekday] = [.tuesday, .wednesday, .thursday, .friday]
        let night =
            (working.contains(day.weekday) && time >= 1350)
            || (working.contains(before.weekday) && time < 195)
        let sunday =
            day.weekday == .sunday && (8...14).contains(day.parts.day) && (60..<300).contains(time)
        let closed = day.weekday == .wednesday && time >= 1380
        let frozen = day.parts.year == 2026 && day.parts.month == 4 && day.parts.day <= 14
        return (night || sunday) && !closed && !frozen
    }
}

extension DeployWindowTests {
    private static let newYork = ZoneOffsets(seconds: -5 * 3600)

    /// Each as `2026-11-20 09:00 17:00`: day and time of its begin, and the hours after that midnight of
    /// its end, in UTC.
    private static func openings(
        only: [String] = [],
        not: [String] = [],
        freezes: [String] = [],
        _ from: String,
        _ until: String,
        _ zone: ZoneOffsets = .utc
    ) throws -> [String] {
        let window = DeployWindow(
            only: try only.map { try WindowHours($0) },
            not: try not.map { try WindowHours($0) },
            freezes: try freezes.map { try Freeze($0) }
        )
        let openings = window.openings(from: try time(from), until: try time(until), in: zone)
        return openings.map { opening in
            let midnight = opening.from.milliseconds / 86_400_000 * 86_400_000
            let minutes = (opening.until.milliseconds - midnight) / 60_000
            let rest = minutes % 60 < 10 ? "0\(minutes % 60)" : "\(minutes % 60)"
            let hours = minutes / 60 < 10 ? "0\(minutes / 60)" : "\(minutes / 60)"
            return opening.from.utcText.dropLast(4) + " \(hours):\(rest)"
        }
    }

    /// Reads `2026-11-20 09:00`, in UTC.
    private static func time(_ text: String) throws -> Timestamp {
        let day = try #require(CalendarDay(text.prefix(10)))
        let fields = text.suffix(5).split(separator: ":").compactMap { Int64($0) }
        return Timestamp(milliseconds: (Int64(day.number) * 1440 + fields[0] * 60 + fields[1]) * 60_000)
    }
}
