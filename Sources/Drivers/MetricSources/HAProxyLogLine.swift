/// One line of HAProxy's log, as far as it is judged: `option httplog` (and `httpslog`) with or without a
/// syslog header before it, or our own format (`nginx/haproxy/log-format.cfg`).
///
/// HAProxy names only the server that answered last. A line that was redispatched tells of a failure at
/// another server, which the counters of `show stat` have.
struct HAProxyLogLine: Hashable, Sendable {
    /// `backend/server`; HAProxy's own answers have `<NOSRV>` for a server.
    let server: String
    /// `nil` when there was no answer.
    let status: Int?
    /// From the request's end to the answer's beginning: the wait in the queue, the connection, the server.
    ///
    /// `nil` when the server did not answer.
    let milliseconds: Double?
    /// How often a connection or a request was tried again.
    let retries: Int
    /// Whether another server had failed before this one.
    let isRedispatched: Bool

    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let fields = Fields(httplog: bytes) ?? Fields(json: bytes) else { return nil }
        self.init(fields, bytes)
    }

    private init?(_ fields: Fields, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard let status = Self.signed(bytes[fields.status]),
            let waits = Self.sum(fields.waits.map { Self.signed(bytes[$0]) })
        else { return nil }
        let isRedispatched = bytes[fields.retries].first == UInt8(ascii: "+")
        let digits = bytes[fields.retries].dropFirst(isRedispatched ? 1 : 0)
        guard let retries = DecimalText.number(digits) else { return nil }
        server = String(decoding: bytes[fields.server], as: UTF8.self)
        self.status = status > 0 ? status : nil
        milliseconds = waits.map(Double.init)
        self.retries = retries
        self.isRedispatched = isRedispatched
    }

    /// `nil` inside when one of the times is -1, that is, was never reached; `nil` when one is no number.
    private static func sum(_ numbers: [Int?]) -> Int?? {
        var sum = 0
        var isReached = true
        for number in numbers {
            guard let number else { return nil }
            if number < 0 { isReached = false } else { sum += number }
        }
        return .some(isReached ? sum : nil)
    }

    private static func signed(_ text: DecimalText.Bytes) -> Int? {
        guard text.first == UInt8(ascii: "-") else { return DecimalText.number(text) }
        return DecimalText.number(text.dropFirst()).map { -$0 }
    }
}

extension HAProxyLogLine {
    /// Where the parts of a line are.
    private struct Fields {
        let server: Range<Int>
        let status: Range<Int>
        let waits: [Range<Int>]
        let retries: Range<Int>

        /// As `option httplog` writes them behind its date.
        ///
        /// `FRONTEND BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS BYTES - - ---- A/B/C/D/RETRIES …`
        init?(httplog bytes: UnsafeBufferPointer<UInt8>) {
            guard let start = Self.afterDate(bytes) else { return nil }
            let words = Self.split(start..<bytes.count, in: bytes, at: UInt8(ascii: " "), atMost: 10)
            guard words.count >= 9 else { return nil }
            let times = Self.split(words[2], in: bytes, at: UInt8(ascii: "/"), atMost: 6)
            let counts = Self.split(words[8], in: bytes, at: UInt8(ascii: "/"), atMost: 6)
            guard times.count == 5, counts.count == 5 else { return nil }
            server = words[1]
            status = words[3]
            waits = Array(times[1...3])
            retries = counts[4]
        }

        init?(json bytes: UnsafeBufferPointer<UInt8>) {
            var scanner = ObjectScanner(bytes)
            guard scanner.enter() else { return nil }
            var found: [String: Range<Int>] = [:]
            while let entry = scanner.next() {
                let key = scanner.twoByteKey(entry.key)
                if !key.isEmpty { found[key] = entry.value }
            }
            guard scanner.isComplete, let server = found["sv"], let status = found["st"],
                let queue = found["tw"], let connection = found["tc"], let answer = found["tr"],
                let retries = found["rc"]
            else { return nil }
            self.server = server
            self.status = status
            waits = [queue, connection, answer]
            self.retries = retries
        }

        /// Behind `[21/Nov/2026:10:42:06.879] `.
        private static func afterDate(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
            let slash = UInt8(ascii: "/")
            var from = bytes.startIndex
            while let open = bytes[from...].firstIndex(of: UInt8(ascii: "[")) {
                from = open + 1
                guard open + 7 < bytes.count, bytes[open + 3] == slash, bytes[open + 7] == slash,
                    let close = bytes[open...].firstIndex(of: UInt8(ascii: "]"))
                else { continue }
                return close + 2 <= bytes.count ? close + 2 : nil
            }
            return nil
        }

        /// The first parts, at most so many.
        private static func split(
            _ range: Range<Int>,
            in bytes: UnsafeBufferPointer<UInt8>,
            at separator: UInt8,
            atMost count: Int
        ) -> [Range<Int>] {
            var parts: [Range<Int>] = []
            var start = range.lowerBound
            while parts.count < count, start <= range.upperBound {
                let end = bytes[start..<range.upperBound].firstIndex(of: separator) ?? range.upperBound
                parts.append(start..<end)
                start = end + 1
            }
            return parts
        }
    }
}
