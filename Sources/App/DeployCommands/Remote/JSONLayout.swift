import HTTPClient

/// JSON from elsewhere, laid out as this program prints its own: the keys stay in their order.
enum JSONLayout {
    /// `nil` when `bytes` are no JSON.
    static func indented(_ bytes: [UInt8]) -> String? {
        guard (try? JSONDocument(bytes)) != nil else { return nil }
        var text: [UInt8] = []
        var level = 0
        var index = 0
        func newline() { text += [UInt8(ascii: "\n")] + Array(repeating: UInt8(ascii: " "), count: level) }
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                let end = endOfString(bytes, from: index)
                text += bytes[index..<end]
                index = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                text.append(byte)
                level += 1
                if !closesNext(bytes, after: index) { newline() }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                level -= 1
                if let last = text.last, !"{[".utf8.contains(last) { newline() }
                text.append(byte)
            case UInt8(ascii: ","):
                text.append(byte)
                newline()
            case UInt8(ascii: ":"): text += Array(": ".utf8)
            case 0x20, 0x09, 0x0A, 0x0D: break
            default: text.append(byte)
            }
            index += 1
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, bytes.count)
    }

    private static func closesNext(_ bytes: [UInt8], after index: Int) -> Bool {
        let next = bytes[(index + 1)...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return next == UInt8(ascii: "}") || next == UInt8(ascii: "]")
    }
}
