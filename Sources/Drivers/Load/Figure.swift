/// Numbers for people.
enum Figure {
    /// `0.42 ms`, `12.3 ms`, `480 ms`, `2.50 s`.
    static func time(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = Double(seconds) * 1e6 + Double(attoseconds) / 1e12
        switch microseconds {
        case ..<10_000: return "\(fixed(microseconds / 1000, 2)) ms"
        case ..<100_000: return "\(fixed(microseconds / 1000, 1)) ms"
        case ..<1_000_000: return "\(fixed(microseconds / 1000, 0)) ms"
        default: return "\(fixed(microseconds / 1_000_000, 2)) s"
        }
    }

    /// `0%`, `0.03%`, `12.50%`; something is never shown as nothing.
    static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0, part > 0 else { return "0%" }
        if part == whole { return "100%" }
        let value = Double(part) * 100 / Double(whole)
        if value < 0.01 { return "<0.01%" }
        return value > 99.99 ? ">99.99%" : "\(fixed(value, 2))%"
    }

    static func perSecond(_ count: Int, in duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        guard seconds > 0 else { return "0" }
        let rate = Double(count) / seconds
        return fixed(rate, rate < 100 ? 1 : 0)
    }

    static func fixed(_ value: Double, _ places: Int) -> String {
        var factor = 1
        for _ in 0..<places { factor *= 10 }
        let whole = Int((value * Double(factor)).rounded())
        guard places > 0 else { return "\(whole)" }
        let part = String(whole % factor)
        return "\(whole / factor)." + String(repeating: "0", count: places - part.count) + part
    }

    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
