import BalancerFiles
import SafeFile

/// HAProxy's processes from before a reload: they accept nothing and finish what they have, at no socket that
/// could be asked, so the kernel is.
struct OldProcesses: Sendable {
    private let owners: OpenConnections.Owners

    var count: Int { owners.ids.count }

    /// Those besides `current`, the process that answers; `nil` when there are none, or none is seen from here,
    /// as when HAProxy is in a container.
    init?(besides current: Int) {
        guard let current = Int32(exactly: current), let name = Self.name(of: current) else { return nil }
        var found: Set<Int32> = []
        if let master = MasterProcess.master(of: Int(current)) {
            let children = ProcFile.text("/proc/\(master)/task/\(master)/children") ?? ""
            found.formUnion(children.split(separator: " ").compactMap { Int32($0) })
        }
        // Without a master each process names those that it took the place of.
        var open = [current]
        while let next = open.popLast() {
            for old in Self.replaced(by: next) where old != current && found.insert(old).inserted {
                open.append(old)
            }
        }
        found.remove(current)
        let ids = found.filter { Self.name(of: $0) == name }.sorted()
        guard !ids.isEmpty else { return nil }
        owners = OpenConnections.Owners(ids: ids, parent: current)
    }

    /// Their connections to `servers`, as a playbook spells those; `nil` when we may not look.
    ///
    /// A server at a socket in the file system is left out: the kernel does not tell whose those are.
    func connections(to servers: [String]) -> Int? {
        OpenConnections.owned(by: owners, to: servers.compactMap(Self.place))
    }

    /// `nil` for a process that is gone or no HAProxy, and for one that has ended and was not waited for.
    private static func name(of process: Int32) -> String? {
        guard let name = ProcFile.text("/proc/\(process)/comm"), name.hasPrefix("haproxy"),
            let stat = ProcFile.text("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")"),
            stat[stat.index(after: end)...].first(where: { $0 != " " }) != "Z"
        else { return nil }
        return name
    }

    /// The numbers behind `-sf` and `-st` of its command line.
    private static func replaced(by process: Int32) -> [Int32] {
        let words = (ProcFile.text("/proc/\(process)/cmdline") ?? "").split(separator: "\0")
        return words.indices.filter { words[$0] == "-sf" || words[$0] == "-st" }.flatMap { start in
            words[(start + 1)...].prefix { $0.allSatisfy(\.isNumber) }.compactMap { Int32($0) }
        }
    }

    /// `ipv4@127.0.0.1:80`, `[::1]:80`, `app.example:80`.
    static func place(_ server: String) -> OpenConnections.Place? {
        var text = server[...]
        if let at = text.firstIndex(of: "@") {
            guard ["ipv4", "ipv6", "tcp", "tcp4", "tcp6"].contains(text[..<at]) else { return nil }
            text = text[text.index(after: at)...]
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.first?.isNumber == true, let port = UInt16(digits) else { return nil }
        let host = text[..<colon].drop { $0 == "[" }.prefix { $0 != "]" }
        return host.isEmpty || host.contains("/") ? nil : .network(host: String(host), port: port)
    }
}
