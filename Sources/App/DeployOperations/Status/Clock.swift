package import DeployCore
import Foundation

/// Times as people and programs read them.
package enum Clock {
    /// `10:15:23`, in the local time zone.
    package static func time(_ time: Timestamp) -> String {
        let parts = local(time)
        return pad(parts.tm_hour) + ":" + pad(parts.tm_min) + ":" + pad(parts.tm_sec)
    }

    /// With its date when it is not of the hours around `now`.
    package static func time(_ time: Timestamp, seenAt now: Timestamp) -> String {
        let far = Span.minutes(12 * 60)
        return time.since(now) > far || now.since(time) > far ? date(time) : Self.time(time)
    }

    /// `2026-11-21 10:15`, in the local time zone.
    package static func date(_ time: Timestamp) -> String {
        let parts = local(time)
        return "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday)) "
            + "\(pad(parts.tm_hour)):\(pad(parts.tm_min))"
    }

    /// The day, in the local time zone.
    package static func day(_ time: Timestamp) -> CalendarDay {
        let parts = local(time)
        let day = CalendarDay(
            year: Int(parts.tm_year) + 1900,
            month: Int(parts.tm_mon) + 1,
            day: Int(parts.tm_mday)
        )
        return day ?? CalendarDay(number: Int(time.milliseconds / 86_400_000))
    }

    /// `2026-11-21T10:15:23.042Z`.
    package static func iso(_ time: Timestamp) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let fraction = Int(time.milliseconds % 1000)
        return "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))T"
            + "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec)).\(fraction < 100 ? "0" : "")"
            + "\(fraction < 10 ? "0" : "")\(fraction)Z"
    }

    private static func local(_ time: Timestamp) -> tm {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts
    }

    private static func pad(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
