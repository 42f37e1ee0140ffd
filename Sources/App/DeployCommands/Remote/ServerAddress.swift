import DeployOperations

/// Where a service listens: `https://deploy.example.org`, `http://127.0.0.1:8080` or `unix:/run/bgdeploy.sock`.
struct ServerAddress: Hashable, Sendable {
    /// As it was given.
    let text: String
    /// What a path is put after.
    let base: String
    /// Connected to instead of the host of ``base``.
    let socket: String?

    /// Takes the letters that a host, a port and a path are made of and no others, so that no two readers of the
    /// address can understand it differently.
    ///
    /// Plain http goes to this host only: everybody on the way could read the token.
    init(_ text: String) throws(CommandFailure) {
        self.text = text
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/"), path.utf8.count <= 107, !path.utf8.contains(0) else {
                throw Self.refusal(text, "a socket's path is absolute and at most 107 bytes long")
            }
            (base, socket) = ("http://localhost", path)
            return
        }
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else {
            throw Self.refusal(text, "it begins with none of these")
        }
        let rest = text.dropFirst(isSecure ? "https://".count : "http://".count)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        guard !authority.contains("@") else {
            // Not repeated: what stands before the @ may be a password.
            throw CommandFailure(
                .usage,
                "--server: a user or a token in the address would be seen by everybody who sees the address; "
                    + "give the token by BGDEPLOY_TOKEN or --token-file"
            )
        }
        guard let host = Self.host(of: authority), path.utf8.allSatisfy(Self.isPath) else {
            throw Self.refusal(text, "expected a host, perhaps a port, perhaps a path, and nothing else")
        }
        guard isSecure || Self.isLoopback(host) else {
            throw CommandFailure(
                .usage,
                """
                --server: `\(text)` would send the token and the orders readably over the network
                Expected https://; plain http goes to 127.0.0.1, [::1] and localhost only
                """
            )
        }
        let end = path.hasSuffix("/") ? path.dropLast() : path
        (base, socket) = ((isSecure ? "https://" : "http://") + authority + end, nil)
    }

    private static func refusal(_ text: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            .usage,
            """
            --server: `\(text)` is not an address of a service: \(reason)
            Expected https://HOST, http://127.0.0.1:PORT or unix:/run/bgdeploy/bgdeploy.sock
            """
        )
    }

    /// Without its port and brackets; `nil` when it is none.
    private static func host(of authority: Substring) -> String? {
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let port = Int(authority[authority.index(after: colon)...]), (1...65535).contains(port)
            else { return nil }
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return !address.isEmpty && address.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
                ? String(address) : nil
        }
        let isName = host.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        return isName && !host.isEmpty ? String(host) : nil
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func isPath(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "/-._~%".utf8.contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

/// The way to one resource below the address, with everything in it escaped.
struct RemotePath: Sendable {
    let text: String

    init(_ parts: String..., query: KeyValuePairs<String, String?> = [:]) {
        let path = (["", "v1"] + parts.map(Self.escaped)).joined(separator: "/")
        let pairs = query.compactMap { pair in pair.value.map { "\(pair.key)=\(Self.escaped($0))" } }
        text = path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where text != "." && text != "..": result += "."
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
