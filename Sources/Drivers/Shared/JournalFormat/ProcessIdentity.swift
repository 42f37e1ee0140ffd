package import DeployCore
package import DeployPorts
import Glibc
import SafeFile

/// Tells a process from a later one with the same number: host, boot, PID namespace, number and start, from `/proc` (proc(5)).
package enum ProcessIdentity {
    /// The process that calls.
    package static func current(actor: Actor, purpose: String) -> LeaseHolder {
        let process = Int(getpid())
        return LeaseHolder(
            host: host(),
            boot: boot() ?? "",
            process: process,
            startTicks: start(of: process)?.ticks ?? 0,
            namespace: namespace(),
            actor: actor,
            purpose: purpose
        )
    }

    /// Whether the holder's process still runs; a stopped one does, one that waits to be reaped does not.
    ///
    /// `nil` when that cannot be known from here: the process is of another host, or of another PID namespace of this
    /// one (a container's, where its number is another process's), or the kernel hides it.
    package static func isAlive(_ holder: LeaseHolder) -> Bool? {
        guard holder.host == host(), let boot = boot(), !holder.boot.isEmpty else { return nil }
        guard holder.namespace == nil || holder.namespace == namespace() else { return nil }
        guard holder.boot == boot, holder.process > 0 else { return false }
        guard let start = start(of: holder.process) else {
            // With `hidepid`, /proc shows other users' processes as absent, but kill(2) tells them.
            return kill(pid_t(truncatingIfNeeded: holder.process), 0) != 0 && errno == ESRCH ? false : nil
        }
        return start.ticks == holder.startTicks && start.state != "Z" && start.state != "X"
    }

    private static func host() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: &name.nodename) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func boot() -> String? {
        ProcFile.text("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first.map(String.init)
    }

    /// Such as `pid:[4026531836]`.
    private static func namespace() -> String? { ProcFile.link("/proc/self/ns/pid") }

    private static func start(of process: Int) -> (state: Substring, ticks: Int)? {
        // The second field, the command's name, may hold spaces and parentheses.
        guard let stat = ProcFile.text("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let ticks = Int(fields[19]) else { return nil }
        return (fields[0], ticks)
    }
}
