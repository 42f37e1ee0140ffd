import Glibc
import SafeFile

/// The process that starts HAProxy's workers in master-worker mode (`-W`, `-Ws`).
enum MasterProcess {
    /// The master of the worker `process`; `nil` when its parent is no HAProxy, or is not seen from here.
    static func master(of process: Int) -> Int32? {
        guard let stat = ProcFile.text("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        // Behind the name: the state, then the parent.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 1, let parent = Int32(fields[1]), parent > 0, isSame(process, Int(parent)),
            catchesReload(parent)
        else { return nil }
        return parent
    }

    /// Asks for a reload, and says whether it was allowed to.
    static func reload(_ master: Int32) -> Bool { catchesReload(master) && kill(master, SIGUSR2) == 0 }

    /// A master runs the same program as its workers, also when a newer one has taken its place on the disk.
    private static func isSame(_ worker: Int, _ parent: Int) -> Bool {
        guard let name = ProcFile.text("/proc/\(worker)/comm"), name.hasPrefix("haproxy"),
            ProcFile.text("/proc/\(parent)/comm") == name
        else { return false }
        let programs = [worker, parent].compactMap { ProcFile.link("/proc/\($0)/exe") }
            .map { $0.replacing(" (deleted)", with: "") }
        return programs.count < 2 || programs[0] == programs[1]
    }

    /// The signal would end a process that does not expect it.
    private static func catchesReload(_ process: Int32) -> Bool {
        let lines = ProcFile.text("/proc/\(process)/status")?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("SigCgt:") }),
            let caught = UInt64(line.dropFirst(7).drop { $0 == "\t" }, radix: 16)
        else { return false }
        return caught & (1 << UInt64(SIGUSR2 - 1)) != 0
    }
}
