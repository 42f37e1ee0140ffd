import Glibc
import SafeFile

/// A process of nginx, identified beyond reuse of its number by its start.
struct NginxProcess: Hashable, Sendable {
    let id: Int32
    /// Clock ticks since boot.
    let startTicks: Int64

    /// The start on the wall clock, at least and at most: the kernel tells it in ticks of 10 ms.
    var started: ClosedRange<FileTime> {
        let tick = 1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))
        let lowest = Self.bootTime() + startTicks * tick
        return FileTime(nanoseconds: lowest)...FileTime(nanoseconds: lowest + tick)
    }

    private static func bootTime() -> Int64 {
        var (wall, boot) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_BOOTTIME, &boot)
        return Int64(wall.tv_sec - boot.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec - boot.tv_nsec)
    }

    init?(_ id: Int32) {
        // Field 22 of proc(5); the second field, the name, may hold blanks and parentheses.
        guard let stat = ProcFile.text("/proc/\(id)/stat"), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        let fields = stat[end...].split(separator: " ")
        guard fields.count > 20, fields[1] != "Z", let ticks = Int64(fields[20]) else { return nil }
        self.id = id
        startTicks = ticks
    }

    /// What nginx shows in the process list: `nginx: worker process is shutting down`.
    var title: String {
        let text = ProcFile.text("/proc/\(id)/cmdline") ?? ""
        return text.split(separator: "\0").joined(separator: " ")
    }
}

extension FileTime {
    /// The wall clock, by which files are dated.
    static var now: FileTime {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return FileTime(nanoseconds: Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec))
    }
}

/// A running nginx.
struct NginxMaster: Hashable, Sendable {
    static let titlePrefix = "nginx: master process"

    let process: NginxProcess
    /// The command that it was started with.
    let command: [String]

    /// `nil` unless the process is an nginx master now: a pid file may be stale and name a stranger.
    init?(_ id: Int32) {
        guard let process = NginxProcess(id) else { return nil }
        let title = process.title
        guard title.hasPrefix(Self.titlePrefix) else { return nil }
        self.process = process
        command = title.dropFirst(Self.titlePrefix.count).split(separator: " ").map(String.init)
    }

    /// The workers that accept connections: those that are shutting down are left out.
    func activeWorkers() -> Set<NginxProcess> {
        Set(workers().filter { $0.title == "nginx: worker process" })
    }

    /// The workers that only finish what they have: they kept their connections over a reload.
    func oldWorkers() -> [NginxProcess] {
        workers().filter { $0.title == "nginx: worker process is shutting down" }
    }

    /// Every child: workers, old ones too, and helpers for caches.
    func workers() -> [NginxProcess] {
        let list = ProcFile.text("/proc/\(process.id)/task/\(process.id)/children") ?? ""
        let ids = list.split(separator: " ").compactMap { Int32($0) }
        return ids.compactMap { NginxProcess($0) }
    }

    /// Whether the process is stopped, as by SIGSTOP or a debugger: it then takes no signal.
    var isStopped: Bool {
        guard let stat = ProcFile.text("/proc/\(process.id)/stat"), let end = stat.lastIndex(of: ")") else {
            return false
        }
        return stat[end...].split(separator: " ").dropFirst().first.map { "Tt".contains($0) } ?? false
    }

    /// Every nginx master that this host shows.
    static func all() -> [NginxMaster] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var masters: [NginxMaster] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let id = Int32(name), let master = NginxMaster(id) { masters.append(master) }
        }
        return masters
    }
}
