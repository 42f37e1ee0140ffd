/// Why a text names no time of a window.
public struct WindowMistake: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
}

extension WindowHours {
    private static let example =
        "days such as Sat, Mon-Fri or first Sat, hours such as 01:00-06:00, or both"

    /// Reads `Sat`, `Mon-Fri 09:00-17:00`, `Sat,Sun`, `22:00-04:00`, `first Sat 01:00-06:00`, `last Fri`.
    ///
    /// Hours whose end is not after their begin go over midnight.
    public init(_ text: String) throws(WindowMistake) {
        var words = text.split(separator: " ")[...]
        guard (1...3).contains(words.count) else {
            throw WindowMistake(description: "expected \(Self.example), found `\(text)`")
        }
        let week = words.first.flatMap { Week(rawValue: $0.lowercased()) }
        if week != nil { words.removeFirst() }
        var days = Set(Weekday.allCases)
        if let word = words.first, !word.contains(":") {
            days = try Self.days(word)
            words.removeFirst()
        } else if week != nil {
            throw WindowMistake(description: "`\(text)` needs a day of the week, such as first Sat")
        }
        var minutes = Self.wholeDay
        if let word = words.first {
            minutes = try Self.minutes(word)
            words.removeFirst()
        }
        guard words.isEmpty else {
            throw WindowMistake(description: "expected \(Self.example), found `\(text)`")
        }
        self.init(days: days, week: week, minutes: minutes, text: text)
    }

    /// `Sat`, `Mon-Fri`, `Sat,Sun`.
    private static func days(_ word: Substring) throws(WindowMistake) -> Set<Weekday> {
        var days: Set<Weekday> = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            let found = ends.compactMap { Weekday(word: $0) }
            guard (1...2).contains(ends.count), found.count == ends.count, let first = found.first,
                let last = found.last
            else { throw WindowMistake(description: "expected \(example), found `\(word)`") }
            days.formUnion(first.through(last))
        }
        return days
    }

    /// `09:00-17:00`.
    private static func minutes(_ word: Substring) throws(WindowMistake) -> Range<Int> {
        let ends = word.split(separator: "-", omittingEmptySubsequences: false)
        let found = ends.compactMap(minute)
        guard ends.count == 2, found.count == 2, found[0] < wholeDay.upperBound else {
            throw WindowMistake(
                description: "expected hours such as 01:00-06:00, from 00:00 to 24:00, found `\(word)`"
            )
        }
        guard found[0] != found[1] else {
            throw WindowMistake(description: "`\(word)` is no time at all; leave it out for the whole day")
        }
        let end = found[1] < found[0] ? found[1] + wholeDay.upperBound : found[1]
        return found[0]..<end
    }

    /// After midnight, 24:00 included.
    private static func minute(_ text: Substring) -> Int? {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2, (1...2).contains(fields[0].utf8.count), fields[1].utf8.count == 2,
            fields.joined().allSatisfy({ $0.isASCII && $0.isNumber }), let hour = Int(fields[0]),
            let minute = Int(fields[1]), minute < 60, hour * 60 + minute <= wholeDay.upperBound
        else { return nil }
        return hour * 60 + minute
    }
}

extension Freeze {
    /// Reads `2026-12-24` and `2026-12-20..2027-01-03`; the last day is one of them.
    public init(_ text: String) throws(WindowMistake) {
        let ends = text.split(separator: "..", omittingEmptySubsequences: false)
        let days = ends.compactMap { CalendarDay($0) }
        guard (1...2).contains(ends.count), days.count == ends.count, let first = days.first,
            let last = days.last
        else {
            throw WindowMistake(
                description: "expected days such as 2026-12-24 or 2026-12-20..2027-01-03, found `\(text)`"
            )
        }
        guard first <= last else {
            throw WindowMistake(description: "`\(text)` ends before it begins")
        }
        self.init(days: first...last, text: text)
    }
}
