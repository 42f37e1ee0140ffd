/// One line of the access log format `bg`, as far as it is judged.
///
/// Read by hand, since a busy balancer sends thousands a second: keys may come in any order and unknown ones
/// are skipped. nginx lists every attempt in `$upstream_addr`, `$upstream_status` and
/// `$upstream_response_time`, separated by `, ` and, between upstream groups, by ` : `; the first one counts,
/// because a retry hides the server that failed.
struct AccessLogLine: Hashable, Sendable {
    /// What the client got.
    let status: Int
    /// The first server asked; empty when nginx answered by itself.
    let address: String
    /// What that server answered; `nil` when it did not.
    let upstreamStatus: Int?
    /// How long that server took; `nil` when it did not answer.
    let milliseconds: Double?
    /// Whether nginx asked another server after it, or the same one again.
    let hasMoreAttempts: Bool

    /// Reads the object that begins with the first `{`, so that a syslog header may stand before it.
    ///
    /// Returns `nil` for what is not an object, is cut off, or lacks `st`, `ua` or `us`.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        var scanner = ObjectScanner(bytes)
        guard scanner.enter() else { return nil }
        var status: Int?
        var (address, upstream, time): (Range<Int>?, Range<Int>?, Range<Int>?)
        while let entry = scanner.next() {
            switch scanner.twoByteKey(entry.key) {
            case "st": status = DecimalText.number(bytes[entry.value])
            case "ua": address = Self.first(entry.value, bytes)
            case "us": upstream = Self.first(entry.value, bytes)
            case "ut": time = Self.first(entry.value, bytes)
            default: break
            }
        }
        guard scanner.isComplete, let status, let address, let upstream else { return nil }
        self.status = status
        self.address = String(decoding: bytes[address], as: UTF8.self)
        upstreamStatus = DecimalText.number(bytes[upstream])
        hasMoreAttempts = [UInt8(ascii: ","), UInt8(ascii: " ")].contains(bytes[upstream.upperBound])
        milliseconds = time.flatMap { DecimalText.seconds(bytes[$0]) }.map { $0 * 1000 }
    }

    /// The part of `range` before the first comma or space.
    private static func first(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        let end = bytes[range].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") }
        return range.lowerBound..<(end ?? range.upperBound)
    }
}

/// Walks through the entries of one flat JSON object without copying.
struct ObjectScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var index = 0
    /// Whether the closing brace was reached.
    private(set) var isComplete = false

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Goes behind the first `{`.
    mutating func enter() -> Bool {
        guard let start = bytes.firstIndex(of: UInt8(ascii: "{")) else { return false }
        index = start + 1
        return true
    }

    /// The key and the value without their quotes; `nil` at the end and at the first mistake.
    mutating func next() -> (key: Range<Int>, value: Range<Int>)? {
        skip { $0 == UInt8(ascii: ",") || Self.isSpace($0) }
        guard index < bytes.count else { return nil }
        if bytes[index] == UInt8(ascii: "}") {
            isComplete = true
            return nil
        }
        guard let key = string() else { return nil }
        skip(Self.isSpace)
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return nil }
        index += 1
        skip(Self.isSpace)
        guard let value = value() else { return nil }
        return (key, value)
    }

    /// The key as text when it has two letters, else an empty text.
    func twoByteKey(_ key: Range<Int>) -> String {
        key.count == 2 ? String(decoding: bytes[key], as: UTF8.self) : ""
    }

    private mutating func value() -> Range<Int>? {
        guard index < bytes.count else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nested()
        default:
            let start = index
            skip { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "}") && !Self.isSpace($0) }
            return index < bytes.count ? start..<index : nil
        }
    }

    private mutating func string() -> Range<Int>? {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return nil }
        index += 1
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return start..<(index - 1)
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    private mutating func nested() -> Range<Int>? {
        let start = index
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return start..<index }
        }
        return nil
    }

    private mutating func skip(_ isSkipped: (UInt8) -> Bool) {
        while index < bytes.count, isSkipped(bytes[index]) { index += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }
}
