/// A host with its port, as `Host` and `Origin` name it.
struct Authority: Hashable, Sendable {
    /// Lower case; an IPv6 address in its brackets.
    let host: String
    let port: Int?

    /// The names by which a host reaches itself.
    static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

    /// Returns `nil` for what is none; `scheme` gives the port that may be left out.
    init?(_ text: String, scheme: String) {
        let text = text.lowercased()
        let hostEnd: String.Index
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            hostEnd = text.index(after: bracket)
        } else {
            hostEnd = text.firstIndex(of: ":") ?? text.endIndex
        }
        host = String(text[..<hostEnd])
        let rest = text[hostEnd...]
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return nil
        }
        guard !rest.isEmpty else {
            port = nil
            return
        }
        guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { return nil }
        port = Int(number) == (scheme == "https" ? 443 : 80) ? nil : Int(number)
    }

    /// Of an `Origin` such as `https://deploy.example.org`; `nil` for `null` and for one of another scheme.
    init?(origin: String, scheme: String) {
        let start = "\(scheme)://"
        guard origin.lowercased().hasPrefix(start) else { return nil }
        self.init(String(origin.dropFirst(start.count)), scheme: scheme)
    }
}
