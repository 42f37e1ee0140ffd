import DeployCore
import Glibc

/// Servers as nginx logs them in `$upstream_addr`: numbers and a port, or `unix:` and a path.
enum ServerAddresses {
    /// The environment of each logged address.
    ///
    /// Looks host names up, so it may block.
    static func owners(of servers: [EnvironmentName: [String]]) -> [String: EnvironmentName] {
        var owners: [String: EnvironmentName] = [:]
        for (environment, texts) in servers {
            for text in texts {
                for address in addresses(of: text) { owners[address] = environment }
            }
        }
        return owners
    }

    /// `localhost:80` → `127.0.0.1:80` and `[::1]:80`; without a port it is 80, as in nginx.
    static func addresses(of text: String) -> [String] {
        if text.hasPrefix("unix:") { return [text] }
        let (host, port) = split(text)
        if host.hasPrefix("[") { return ["\(host):\(port)"] }
        let isNumeric = host.utf8.allSatisfy {
            $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        return isNumeric ? ["\(host):\(port)"] : ["\(host):\(port)"] + resolve(host).map { "\($0):\(port)" }
    }

    private static func split(_ text: String) -> (host: String, port: String) {
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]") ?? text.startIndex : text.startIndex
        guard let colon = text[end...].lastIndex(of: ":") else { return (text, "80") }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private static func resolve(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var entry = list
        while let current = entry?.pointee {
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                current.ai_addr,
                current.ai_addrlen,
                &name,
                socklen_t(name.count),
                nil,
                0,
                NI_NUMERICHOST
            )
            if code == 0 {
                let text = String(
                    decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                    as: UTF8.self
                )
                found.append(text.contains(":") ? "[\(text)]" : text)
            }
            entry = current.ai_next
        }
        return found
    }
}
