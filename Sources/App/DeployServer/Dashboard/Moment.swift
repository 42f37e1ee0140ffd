import DeployCore
import DeployOperations

/// Times on a page: right when it was made, and kept right by the script.
enum Moment {
    /// `10:15:23`, with its date where that is not today's.
    static func clock(_ at: Timestamp, now: Timestamp) -> Markup {
        tag("time", .other("datetime", Clock.iso(at)), .other("title", Clock.iso(at))) {
            "\(Clock.time(at, seenAt: now))"
        }
    }

    /// `3 min 12 s ago`.
    static func age(_ at: Timestamp, now: Timestamp) -> Markup {
        tag("time", .other("datetime", Clock.iso(at)), .other("title", Clock.iso(at))) {
            tag("span", .other("data-since", "\(at.milliseconds)")) { "\(words(now.since(at)))" }
            " ago"
        }
    }

    /// `3 min 12 s`, counting up.
    static func running(since at: Timestamp, now: Timestamp) -> Markup {
        tag("time", .other("data-since", "\(at.milliseconds)")) { "\(words(now.since(at)))" }
    }

    /// `3 min 12 s left`, counting down.
    static func left(until: Timestamp, now: Timestamp) -> Markup {
        tag(
            "time",
            .style("countdown"),
            .other("datetime", Clock.iso(until)),
            .other("title", Clock.iso(until))
        ) {
            tag("span", .other("data-until", "\(until.milliseconds)")) { "\(words(until.since(now)))" }
            " left"
        }
    }

    /// In two units; the script says it in the same words.
    static func words(_ span: Span) -> String {
        let seconds = span.milliseconds / 1000
        func pair(_ size: Int64, _ unit: String, _ lesser: Int64, _ lesserUnit: String) -> String {
            let rest = seconds % size / lesser
            return "\(seconds / size) \(unit)" + (rest > 0 ? " \(rest) \(lesserUnit)" : "")
        }
        return switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: pair(60, "min", 1, "s")
        case ..<86400: pair(3600, "h", 60, "min")
        default: pair(86400, "d", 3600, "h")
        }
    }
}
