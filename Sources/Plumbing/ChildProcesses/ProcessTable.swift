import Glibc

/// What the kernel says about processes, from `/proc` (proc(5)).
package enum ProcessTable {
    /// Field 22 of `/proc/PID/stat`: the start in clock ticks since boot.
    ///
    /// With the boot's id it tells a process
    /// from a later one with the same number. `nil` when there is no such process.
    static func startTicks(of process: pid_t) -> Int? {
        fields(of: String(process)).flatMap { $0.count > 19 ? Int($0[19]) : nil }
    }

    static func bootID() -> String {
        text(ofFile: "/proc/sys/kernel/random/boot_id").trimmingPrefix { $0.isWhitespace }
            .split(separator: "\n").first.map(String.init) ?? ""
    }

    /// Whether a process of the group still lives; one that has ended and waits to be reaped does not.
    static func groupLives(_ group: pid_t) -> Bool {
        guard let folder = opendir("/proc") else { return kill(-group, 0) == 0 }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.utf8.first.map({ (48...57).contains($0) }) == true, let fields = fields(of: name),
                fields.count > 2, fields[2] == "\(group)"
            else { continue }
            if fields[0] != "Z", fields[0] != "X" { return true }
        }
        return false
    }

    /// The process's own environment as it was at its start.
    package static func environment() -> [String: String] {
        var environment: [String: String] = [:]
        for entry in text(ofFile: "/proc/self/environ").split(separator: "\0") {
            guard let equals = entry.firstIndex(of: "="), equals != entry.startIndex else { continue }
            environment[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
        }
        return environment
    }

    /// The fields of `/proc/PID/stat` from the third (the state) on; the second may hold anything.
    private static func fields(of process: String) -> [Substring]? {
        let stat = text(ofFile: "/proc/\(process)/stat")
        guard let end = stat.lastIndex(of: ")") else { return nil }
        return stat[stat.index(after: end)...].split(separator: " ")
    }

    private static func text(ofFile path: String) -> String {
        guard let file = Descriptor(open(path, O_RDONLY | O_CLOEXEC)) else { return "" }
        return String(decoding: file.readAll(), as: UTF8.self)
    }
}
