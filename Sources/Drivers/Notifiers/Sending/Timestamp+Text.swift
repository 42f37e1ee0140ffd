import DeployCore
import Glibc

extension Timestamp {
    /// `2026-11-21T10:15:23Z`.
    var iso8601: String {
        let time = broken
        return "\(time.tm_year + 1900)-\(Self.two(time.tm_mon + 1))-\(Self.two(time.tm_mday))T"
            + "\(Self.clock(time))Z"
    }

    /// RFC 5322: `Sat, 21 Nov 2026 10:15:23 +0000`.
    var mailDate: String {
        let time = broken
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[Int(time.tm_wday)]), \(Self.two(time.tm_mday)) \(months[Int(time.tm_mon)]) "
            + "\(time.tm_year + 1900) \(Self.clock(time)) +0000"
    }

    private var broken: tm {
        var seconds = time_t(milliseconds / 1000)
        var time = tm()
        gmtime_r(&seconds, &time)
        return time
    }

    private static func clock(_ time: tm) -> String {
        "\(two(time.tm_hour)):\(two(time.tm_min)):\(two(time.tm_sec))"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
