/// How the clocks of a time zone stand to UTC over a stretch of time; whoever can look it up hands it in.
public struct ZoneOffsets: Hashable, Sendable {
    /// From `at` on the clocks are `seconds` ahead of UTC.
    public struct Change: Hashable, Sendable {
        public let at: Timestamp
        public let seconds: Int

        public init(at: Timestamp, seconds: Int) {
            self.at = at
            self.seconds = seconds
        }
    }

    /// Seconds ahead of UTC before the first change; negative in the west.
    public let seconds: Int
    /// In the order of their times.
    public let changes: [Change]

    public init(seconds: Int, changes: [Change] = []) {
        self.seconds = seconds
        self.changes = changes
    }

    public static let utc = ZoneOffsets(seconds: 0)

    /// The time from `start` to `end` in stretches in which the clocks go evenly.
    func stretches(from start: Timestamp, until end: Timestamp) -> [LocalStretch] {
        var stretches: [LocalStretch] = []
        var (from, seconds) = (start, self.seconds)
        for change in changes {
            if change.at > from, from < end {
                let until = min(change.at, end)
                stretches.append(LocalStretch(from: from, until: until, offset: Int64(seconds) * 1000))
                from = until
            }
            seconds = change.seconds
        }
        if from < end {
            stretches.append(LocalStretch(from: from, until: end, offset: Int64(seconds) * 1000))
        }
        return stretches
    }
}

/// A stretch of time without a change of the clocks.
struct LocalStretch: Hashable, Sendable {
    static let day: Int64 = 86_400_000

    let from: Timestamp
    let until: Timestamp
    /// Milliseconds that the clocks are ahead of UTC.
    let offset: Int64

    /// The days that the clocks show in it, and the one before, whose hours may go over midnight.
    var days: [CalendarDay] {
        let first = (from.milliseconds + offset).flooredQuotient(by: Self.day) - 1
        let last = (until.milliseconds + offset - 1).flooredQuotient(by: Self.day)
        return (first...max(first, last)).map { CalendarDay(number: Int($0)) }
    }

    /// The time in it at which the clocks show `day` and a time of `minutes`, which may reach into the next day.
    func time(of minutes: Range<Int>, on day: CalendarDay) -> Opening? {
        let midnight = Int64(day.number) * Self.day - offset
        let begin = Timestamp(milliseconds: midnight + Int64(minutes.lowerBound) * 60_000)
        let end = Timestamp(milliseconds: midnight + Int64(minutes.upperBound) * 60_000)
        let (from, until) = (max(begin, self.from), min(end, self.until))
        return from < until ? Opening(from: from, until: until) : nil
    }
}
