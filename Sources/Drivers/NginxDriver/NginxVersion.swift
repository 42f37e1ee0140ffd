/// A version of nginx: `1.22.1`.
struct NginxVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    let numbers: [Int]

    /// The first that closes a keep-alive connection at a reload only after `keepalive_min_timeout`.
    static let keepaliveMinTimeout = NginxVersion(numbers: [1, 27, 4])

    init(numbers: [Int]) { self.numbers = numbers }

    /// Reads what `nginx -v` writes: `nginx version: nginx/1.22.1 (Ubuntu)`; `nil` for anything else.
    ///
    /// OpenResty counts on: `openresty/1.27.1.2` is made of nginx 1.27.1.
    init?(output: String) {
        guard let start = output.firstRange(of: "nginx version: ")?.upperBound else { return nil }
        let words = output[start...].prefix { !$0.isWhitespace }.split(separator: "/")
        guard words.count == 2 else { return nil }
        let numbers = words[1].split(separator: ".").compactMap { Int($0) }
        guard numbers.count >= 3 else { return nil }
        self.numbers = Array(numbers.prefix(3))
    }

    var description: String { numbers.map(String.init).joined(separator: ".") }

    static func < (left: Self, right: Self) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }
}
