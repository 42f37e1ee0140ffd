/// Numbers as people read them.
enum Amount {
    /// `1,234,567`.
    static func count(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return number < 0 ? "-\(text)" : text
    }

    /// A part, 0 through 1, as `0.1 %`.
    ///
    /// What is not zero is never shown as zero.
    static func percent(_ part: Double) -> String {
        part > 0 && part < 0.001 ? "< 0.1 %" : "\(decimal(part * 100, 1)) %"
    }

    /// `0.4 ms`, `12 ms`, `1.2 s`.
    static func milliseconds(_ value: Double) -> String {
        value >= 1000 ? "\(decimal(value / 1000, 1)) s" : "\(decimal(value, value < 10 ? 1 : 0)) ms"
    }

    /// With `places` after the point; `?` for what no measurement gives.
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, value.magnitude < 1e12 else { return "?" }
        var factor = 1
        for _ in 0..<places { factor *= 10 }
        let scaled = Int((value.magnitude * Double(factor)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(scaled)" }
        let rest = String(scaled % factor)
        return "\(sign)\(scaled / factor)." + String(repeating: "0", count: places - rest.count) + rest
    }

    /// Without a fraction where there is none: `10`, `2.5`.
    static func plain(_ value: Double) -> String {
        value == value.rounded() ? decimal(value, 0) : decimal(value, 1)
    }
}
