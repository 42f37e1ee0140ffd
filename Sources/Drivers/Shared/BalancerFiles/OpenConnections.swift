import Glibc
import SafeFile

/// Counts open connections to servers, as the kernel lists them.
///
/// A connection that a balancer holds for later requests (`keepalive` of an nginx upstream, `http-reuse` of
/// HAProxy) counts too: nothing outside of it tells it from a busy one. Old nginx workers close theirs at once,
/// HAProxy's within seconds, and new ones open none to an environment without a share, so that a drained
/// environment's count comes down to what is really under way.
package enum OpenConnections {
    /// Processes in one network.
    package struct Owners: Sendable {
        package let ids: [Int32]
        /// A process that outlives them, in the same network.
        let parent: Int32

        package init(ids: [Int32], parent: Int32) {
            self.ids = ids
            self.parent = parent
        }
    }

    /// Where a server takes connections.
    package enum Place: Hashable, Sendable {
        /// `host` is a name or an address without brackets.
        case network(host: String, port: UInt16)
        case socket(path: String)
    }

    /// Those that the processes `owners` have; those of every local program where the owners are not known or
    /// their descriptors may not be seen.
    ///
    /// Of connections to a socket in the file system always every program's: the kernel lists the name at the
    /// accepting end alone.
    package static func count(to servers: [Place], of owners: Owners?) -> Int {
        let paths = Set(servers.compactMap { if case .socket(let path) = $0 { path } else { nil } })
        let remotes = Set(servers.flatMap { hexAddresses(of: $0) })
        let theirs = owners.flatMap { owned(by: $0, to: servers) }
        let tcp = theirs ?? established(under: "/proc", to: remotes, ownedBy: nil)
        return tcp + (paths.isEmpty ? 0 : connected(to: paths))
    }

    /// Those of `owners` alone, over TCP; `nil` when their descriptors may not be seen.
    package static func owned(by owners: Owners, to servers: [Place]) -> Int? {
        guard let inodes = sockets(of: owners.ids) else { return nil }
        let remotes = Set(servers.flatMap { hexAddresses(of: $0) })
        return established(under: "/proc/\(owners.parent)", to: remotes, ownedBy: inodes)
    }

    /// The inodes of every socket of `owners`; `nil` when one of them does not let us look.
    private static func sockets(of owners: [Int32]) -> Set<String>? {
        guard !owners.isEmpty else { return nil }
        var inodes: Set<String> = []
        for owner in owners {
            guard let folder = opendir("/proc/\(owner)/fd") else {
                // One that has just ended has no sockets.
                if errno == ENOENT { continue }
                return nil
            }
            defer { closedir(folder) }
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if let link = ProcFile.link("/proc/\(owner)/fd/\(name)"), link.hasPrefix("socket:[") {
                    inodes.insert(String(link.dropFirst("socket:[".count).dropLast()))
                }
            }
        }
        return inodes
    }

    /// Lines of proc_net_tcp(5): `sl local_address rem_address st …`, state 01 is established, the tenth
    /// field is the inode.
    ///
    /// `root` is a process's folder, whose network it is.
    private static func established(
        under root: String,
        to remotes: Set<String>,
        ownedBy inodes: Set<String>?
    ) -> Int {
        guard !remotes.isEmpty else { return 0 }
        let lines = ["\(root)/net/tcp", "\(root)/net/tcp6"].flatMap {
            (ProcFile.text($0) ?? "").split(separator: "\n").dropFirst()
        }
        return lines.count { line in
            let fields = line.split(separator: " ", maxSplits: 10, omittingEmptySubsequences: true)
            guard fields.count > 9, fields[3] == "01", remotes.contains(String(fields[2])) else {
                return false
            }
            return inodes?.contains(String(fields[9])) ?? true
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
    private static func hexAddresses(of server: Place) -> [String] {
        guard case .network(let host, let port) = server else { return [] }
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
