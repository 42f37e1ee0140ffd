/// Numbers as people read them, without Foundation.
package enum Figure {
    /// `1,234,567`.
    package static func count(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return number < 0 ? "-\(text)" : text
    }

    /// A share, 0 through 1, as `0.1 %`.
    ///
    /// What is not zero is never shown as zero.
    package static func percent(_ share: Double) -> String {
        let value = share * 100
        return value > 0 && value < 0.1 ? "< 0.1 %" : "\(decimal(value, places: 1)) %"
    }

    /// `0.4 ms`, `12 ms`, `1.2 s`.
    package static func duration(_ milliseconds: Double) -> String {
        if milliseconds >= 1000 { return "\(decimal(milliseconds / 1000, places: 1)) s" }
        return "\(decimal(milliseconds, places: milliseconds < 10 ? 1 : 0)) ms"
    }

    /// Up to so many decimal places, without trailing zeros.
    package static func plain(_ value: Double, places: Int = 3) -> String {
        var text = decimal(value, places: places)
        while text.last == "0", text.contains(".") { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    /// With `places` after the point; `?` for what no measurement gives.
    package static func decimal(_ value: Double, places: Int) -> String {
        guard value.isFinite else { return "?" }
        var factor = 1
        for _ in 0..<places { factor *= 10 }
        let scaled = (value.magnitude * Double(factor)).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let (whole, rest) = Int(scaled).quotientAndRemainder(dividingBy: factor)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(whole)" }
        let digits = String(rest)
        return "\(sign)\(whole)." + String(repeating: "0", count: places - digits.count) + digits
    }
}
