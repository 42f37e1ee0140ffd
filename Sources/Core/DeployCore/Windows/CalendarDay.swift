/// A day of the Gregorian calendar, wherever on earth it is.
public struct CalendarDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Days since 1970-01-01.
    public let number: Int

    public init(number: Int) { self.number = number }

    /// `nil` for a day that no calendar has, such as 30 February, and outside the years 1 through 9999.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        // Howard Hinnant, chrono-compatible low-level date algorithms: years begin in March, so that the
        // leap day is the last.
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.init(number: era * 146_097 + dayOfEra - 719_468)
        guard parts == (year, month, day) else { return nil }
    }

    /// Reads `2026-12-20`.
    public init?(_ text: some StringProtocol) {
        let fields = text.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.map(\.utf8.count) == [4, 2, 2] else { return nil }
        let numbers = fields.compactMap { field in
            field.allSatisfy { $0.isASCII && $0.isNumber } ? Int(field) : nil
        }
        guard numbers.count == 3 else { return nil }
        self.init(year: numbers[0], month: numbers[1], day: numbers[2])
    }

    public var parts: (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    public var weekday: Weekday {
        // 1970-01-01 was a Thursday.
        let index = ((number + 3) % 7 + 7) % 7
        return Weekday.allCases[index]
    }

    /// Whether it is the last of its weekday in its month.
    var isLastOfWeekday: Bool { CalendarDay(number: number + 7).parts.month != parts.month }

    public var description: String {
        let (year, month, day) = parts
        return "\(CalendarText.padded(year, 4))-\(CalendarText.padded(month))-\(CalendarText.padded(day))"
    }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

public enum Weekday: String, CaseIterable, Hashable, Sendable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday

    /// Reads `Mon` and `Monday`, in any case.
    init?(word: some StringProtocol) {
        let small = word.lowercased()
        guard let day = Self.allCases.first(where: { $0.rawValue == small || $0.rawValue.prefix(3) == small })
        else { return nil }
        self = day
    }

    /// The days from this to `last`, over the end of the week where they must.
    func through(_ last: Weekday) -> [Weekday] {
        var day = self
        var days = [day]
        while day != last {
            day = day.next
            days.append(day)
        }
        return days
    }

    private var next: Weekday {
        let all = Self.allCases
        let index = all.firstIndex(of: self).map { ($0 + 1) % all.count } ?? 0
        return all[index]
    }
}

enum CalendarText {
    static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Timestamp {
    /// `2026-11-23 05:00 UTC`.
    public var utcText: String {
        let day = milliseconds.flooredQuotient(by: LocalStretch.day)
        let minute = (milliseconds - day * LocalStretch.day) / 60_000
        let hour = CalendarText.padded(Int(minute / 60))
        return "\(CalendarDay(number: Int(day))) \(hour):\(CalendarText.padded(Int(minute % 60))) UTC"
    }
}

extension Int64 {
    /// Rounded towards minus infinity.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
