import Glibc

/// A process of this host that can be told from a later one with the same number.
package struct ProcessName: Hashable, Codable, Sendable {
    package let process: Int32
    /// Field 22 of `/proc/PID/stat`.
    package let startTicks: Int
    /// `/proc/sys/kernel/random/boot_id`.
    package let boot: String

    package static func own() -> ProcessName {
        ProcessName(
            process: getpid(),
            startTicks: ProcessTable.startTicks(of: getpid()) ?? 0,
            boot: ProcessTable.bootID()
        )
    }

    package var isAlive: Bool {
        process > 1 && boot == ProcessTable.bootID() && startTicks == ProcessTable.startTicks(of: process)
    }

    /// Sends SIGKILL while it is that process.
    package func kill() {
        if isAlive { Glibc.kill(process, SIGKILL) }
    }
}
