/// Numbers as balancers write them, read without copying.
enum DecimalText {
    typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

    /// Up to nine digits; `nil` for anything else.
    static func number(_ digits: Bytes) -> Int? {
        guard !digits.isEmpty, digits.count < 10 else { return nil }
        var value = 0
        for byte in digits {
            guard case UInt8(ascii: "0")...UInt8(ascii: "9") = byte else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    /// nginx writes seconds with three decimal places.
    static func seconds(_ text: Bytes) -> Double? {
        let point = text.firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex
        guard let whole = number(text[..<point]) else { return nil }
        guard point < text.endIndex else { return Double(whole) }
        let digits = text[(point + 1)...]
        guard let part = number(digits) else { return nil }
        var scale = 1.0
        for _ in digits { scale *= 10 }
        return Double(whole) + Double(part) / scale
    }
}
