/// A reply of the protocol RESP2.
package indirect enum RedisReply: Hashable, Sendable {
    /// A simple or a bulk string; bytes that are not UTF-8 are replaced.
    case text(String)
    case integer(Int)
    case null
    case list([RedisReply])
    /// As Redis words it: `WRONGTYPE Operation against a key holding the wrong kind of value`.
    case error(String)
}

/// Reads a reply as its bytes come.
struct RedisReplyReader {
    /// What comes is not RESP, or over a limit.
    struct Unreadable: Error, Hashable { let reason: String }

    static let byteLimit = 1 << 20
    static let itemLimit = 10_000
    static let depthLimit = 8

    private var bytes: [UInt8] = []
    private var at = 0
    private var items = 0

    /// The reply, once `more` completes it; `nil` before.
    ///
    /// What comes after it is not read.
    mutating func take(_ more: [UInt8]) throws(Unreadable) -> RedisReply? {
        bytes += more
        (at, items) = (0, 0)
        let reply = try reply(depth: 0)
        if reply == nil, bytes.count > Self.byteLimit {
            throw Unreadable(reason: "the reply is longer than \(Self.byteLimit) bytes")
        }
        return reply
    }

    private mutating func reply(depth: Int) throws(Unreadable) -> RedisReply? {
        items += 1
        guard depth <= Self.depthLimit, items <= Self.itemLimit else {
            throw Unreadable(
                reason: "the reply has more than \(Self.itemLimit) parts or \(Self.depthLimit) levels"
            )
        }
        guard let line = try line() else { return nil }
        let rest = line.dropFirst()
        switch line.first {
        case "+": return .text(String(rest))
        case "-": return .error(String(rest))
        case ":": return .integer(try number(rest))
        case "$": return try bulk(length: try number(rest))
        case "*": return try list(count: try number(rest), depth: depth)
        default: throw Unreadable(reason: "the answer is not Redis: it begins with \(Self.shown(bytes))")
        }
    }

    private mutating func bulk(length: Int) throws(Unreadable) -> RedisReply? {
        guard length >= 0 else { return .null }
        guard length <= Self.byteLimit else {
            throw Unreadable(
                reason: "the reply has a text of \(length) bytes; \(Self.byteLimit) are the limit"
            )
        }
        guard bytes.count >= at + length + 2 else { return nil }
        defer { at += length + 2 }
        return .text(String(decoding: bytes[at..<(at + length)], as: UTF8.self))
    }

    private mutating func list(count: Int, depth: Int) throws(Unreadable) -> RedisReply? {
        guard count >= 0 else { return .null }
        guard count <= Self.itemLimit else {
            throw Unreadable(reason: "the reply has \(count) parts; \(Self.itemLimit) are the limit")
        }
        var parts: [RedisReply] = []
        for _ in 0..<count {
            guard let part = try reply(depth: depth + 1) else { return nil }
            parts.append(part)
        }
        return .list(parts)
    }

    private mutating func line() throws(Unreadable) -> String? {
        let limit = 1024
        guard let end = bytes[at...].prefix(limit + 2).firstIndex(of: UInt8(ascii: "\n")) else {
            guard bytes.count - at <= limit else {
                throw Unreadable(reason: "the answer is not Redis: it begins with \(Self.shown(bytes))")
            }
            return nil
        }
        guard end > at, bytes[end - 1] == UInt8(ascii: "\r") else {
            throw Unreadable(reason: "the answer is not Redis: it begins with \(Self.shown(bytes))")
        }
        defer { at = end + 1 }
        return String(decoding: bytes[at..<(end - 1)], as: UTF8.self)
    }

    private func number(_ text: Substring) throws(Unreadable) -> Int {
        guard let number = Int(text) else {
            throw Unreadable(reason: "the answer is not Redis: `\(text.prefix(40))` is no number")
        }
        return number
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        "`" + String(decoding: bytes.prefix(40), as: UTF8.self) + "`"
    }
}
