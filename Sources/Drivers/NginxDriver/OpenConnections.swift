import Glibc
import SafeFile

/// Counts this host's open connections to servers, as the kernel lists them.
///
/// Every local client counts, not nginx alone; so do connections that nginx keeps for later requests.
enum OpenConnections {
    static func count(to servers: [ServerAddress]) -> Int {
        var remotes: Set<String> = []
        var sockets: Set<String> = []
        for server in servers {
            if let path = server.socketPath { sockets.insert(path) }
            remotes.formUnion(hexAddresses(of: server))
        }
        let tcp = ["/proc/net/tcp", "/proc/net/tcp6"].reduce(0) { $0 + established(in: $1, to: remotes) }
        return tcp + (sockets.isEmpty ? 0 : connected(to: sockets))
    }

    /// Lines of proc_net_tcp(5): `sl local_address rem_address st …`, state 01 is established.
    private static func established(in table: String, to remotes: Set<String>) -> Int {
        guard !remotes.isEmpty, let text = ProcFile.text(table) else { return 0 }
        return text.split(separator: "\n").dropFirst().count { line in
            let fields = line.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: true)
            return fields.count > 3 && fields[3] == "01" && remotes.contains(String(fields[2]))
        }
    }

    /// Lines of `/proc/net/unix`: `Num RefCount Protocol Flags Type St Inode Path`; the accepting side of a
    /// connection (state 03) carries the path, the listening socket (flag 10000) too.
    private static func connected(to paths: Set<String>) -> Int {
        guard let text = ProcFile.text("/proc/net/unix") else { return 0 }
        return text.split(separator: "\n").dropFirst().count { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            return fields.count > 7 && fields[5] == "03" && paths.contains(String(fields[7]))
        }
    }

    /// The addresses of a server as the kernel writes them: words in the machine's byte order, hexadecimal.
    private static func hexAddresses(of server: ServerAddress) -> [String] {
        guard let host = server.host, let port = server.port else { return [] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        let suffix = ":" + hex(UInt32(port), digits: 4)
        var texts: [String] = []
        var next = list
        while let entry = next?.pointee {
            if let address = words(entry) {
                let text = address.map { hex($0, digits: 8) }.joined()
                texts.append(text + suffix)
                // An IPv4 address that an IPv6 socket talks to.
                if address.count == 1 { texts.append("0000000000000000FFFF0000" + text + suffix) }
            }
            next = entry.ai_next
        }
        return texts
    }

    private static func words(_ entry: addrinfo) -> [UInt32]? {
        guard let address = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET:
            return [address.load(as: sockaddr_in.self).sin_addr.s_addr]
        case AF_INET6:
            var value = address.load(as: sockaddr_in6.self).sin6_addr
            return withUnsafeBytes(of: &value) { Array($0.bindMemory(to: UInt32.self)) }
        default: return nil
        }
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
