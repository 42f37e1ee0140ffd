/// Figures as people read them.
enum Words {
    /// `40 ms`, `1.4 s`, `45 s`, `12 min`, `3 h 5 min`, `4 days`.
    static func seconds(_ value: Double) -> String {
        guard value.isFinite, value < 1e11 else { return "?" }
        if value < 1 { return "\(Int(max(0, value) * 1000)) ms" }
        if value < 10 { return "\(decimal(value)) s" }
        let whole = Int(value)
        switch whole {
        case ..<120: return "\(whole) s"
        case ..<7200: return "\(whole / 60) min"
        case ..<172_800: return "\(whole / 3600) h \(whole % 3600 / 60) min"
        default: return "\(whole / 86_400) days"
        }
    }

    /// `12 B`, `4.0 kB`, `1.2 GB`; by 1024, as PostgreSQL does.
    static func bytes(_ value: Int) -> String {
        var amount = Double(value)
        for unit in ["B", "kB", "MB", "GB"] {
            if amount.magnitude < 1024 {
                let text = unit == "B" || amount.magnitude >= 100 ? "\(Int(amount))" : decimal(amount)
                return "\(text) \(unit)"
            }
            amount /= 1024
        }
        return "\(decimal(amount)) TB"
    }

    /// `1,234,567`.
    static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// `1 table`, `2 tables`; `plural` where it is not made with an s.
    static func count(_ value: Int, _ noun: String, _ plural: String? = nil) -> String {
        "\(count(value)) \(value == 1 ? noun : plural ?? noun + "s")"
    }

    /// `83 %`; a share is never rounded up to 100.
    static func percent(_ share: Double) -> String {
        guard share.isFinite, share.magnitude < 1e6 else { return "?" }
        if share > 0, share < 0.001 { return "under 0.1 %" }
        return share < 0.1 && share > 0 ? "\(decimal(share * 100)) %" : "\(Int(share * 100)) %"
    }

    private static func decimal(_ value: Double) -> String {
        let tenths = Int(value.magnitude * 10)
        return "\(value < 0 && tenths > 0 ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }

    /// As a literal of SQL.
    static func literal(_ text: String) -> String {
        let quoted = "'\(text.replacing("'", with: "''"))'"
        return text.contains("\\") ? "E\(quoted.replacing("\\", with: "\\\\"))" : quoted
    }

    /// As a quoted name of SQL.
    static func name(_ text: String) -> String { "\"\(text.replacing("\"", with: "\"\""))\"" }
}
