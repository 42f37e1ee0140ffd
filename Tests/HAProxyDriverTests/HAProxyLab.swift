@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Synchronization
import Testing
import UnixSocket

@testable import HAProxyDriver

/// A real HAProxy in a folder of its own, before two environments; everything is on blue.
final class HAProxyLab: Sendable {
    let folder = LabFolder()
    let blueServer = WebBackend("blue")
    let greenServer = WebBackend("green")
    let balancer: HAProxyBalancer
    let settings: HAProxySettings
    private let words: [String]
    private let processes: Mutex<[LabProcess]>

    var door: String { folder.path + "/door.sock" }
    var file: String { folder.path + "/haproxy.cfg" }

    /// Lines for the sections of the configuration.
    struct Text: Sendable {
        var global = ""
        var defaults = ""
        var frontend = "default_backend app"
        var backend = "balance roundrobin"
        var server = ""
    }

    /// With `options` such as `-W`; in mode `map` what that needs is written before HAProxy starts.
    init(
        _ text: Text = Text(),
        options: [String] = [],
        isInstalled: Bool = true,
        _ change: (inout HAProxySettings) -> Void = { _ in }
    ) async throws {
        let path = folder.path
        try folder.write("haproxy.cfg", Self.configuration(path, text, blueServer, greenServer))
        words = ["haproxy", "-db", "-q"] + options + ["-f", "\(path)/haproxy.cfg"]
        var settings = HAProxySettings(
            file: "\(path)/haproxy.cfg",
            backend: "app",
            socket: "\(path)/admin.sock",
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: [blueServer.address]),
                EnvironmentSpec(name: green, url: "", servers: [greenServer.address]),
            ],
            service: "app"
        )
        change(&settings)
        self.settings = settings
        balancer = HAProxyBalancer(settings, timekeeper: LabClock())
        if isInstalled {
            for change in try await balancer.installation().changes {
                try MarkedFile(settings.file, entry: settings.backend).prepare()
                try AtomicFile.replace(change.path, with: change.after, newMode: 0o644)
            }
        }
        processes = Mutex([try LabProcess(words)])
        let door = door
        try await eventually("HAProxy answers") { WebClient.get(door) == "blue" }
    }

    private static func configuration(
        _ path: String,
        _ text: Text,
        _ blueServer: WebBackend,
        _ greenServer: WebBackend
    ) -> String {
        """
        global
            stats socket \(path)/admin.sock mode 600 level admin expose-fd listeners
            stats socket \(path)/operator.sock mode 600 level operator
            \(text.global)

        defaults
            mode http
            timeout connect 2s
            timeout client 60s
            timeout server 60s
            \(text.defaults)

        frontend www   # the door
            bind unix@\(path)/door.sock
            \(text.frontend)

        backend app
            \(text.backend)
            server blue1 \(blueServer.address) weight 100 \(text.server)
            server green1 \(greenServer.address) weight 0 \(text.server)   # idle

        backend other
            server blue1 \(blueServer.address)
            server green1 \(greenServer.address) weight 0

        """
    }

    /// Another process's view of the same balancer: it knows nothing of what this one staged.
    func successor(_ change: (inout HAProxySettings) -> Void = { _ in }) -> HAProxyBalancer {
        var settings = settings
        change(&settings)
        return HAProxyBalancer(settings, timekeeper: LabClock())
    }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    @discardableResult
    func tell(_ command: String) async throws -> String {
        try await UnixSocket.exchange(command + "\n", at: folder.path + "/admin.sock", within: 5000)
    }

    func kill() { for process in processes.withLock({ $0 }) { process.end() } }

    /// Changes the split and returns what was read back.
    @discardableResult
    func put(_ split: Split, _ token: FencingToken = firstToken) async throws -> BalancerObservation {
        try await balancer.commit(try await balancer.stage(split, token: token))
    }

    func process() async throws -> HAProxyProcess {
        try await HAProxyRuntime(socket: settings.socket, backends: ["app"]).look().process
    }

    /// Runs a command to its end and returns its exit status; a process that is let go before is killed.
    @discardableResult
    static func run(_ words: [String]) throws -> Int32 {
        let process = try LabProcess(words)
        var status: Int32 = -1
        withExtendedLifetime(process) { _ = waitpid(process.id, &status, 0) }
        return status >> 8
    }

    // MARK: reloads by somebody

    /// A new process takes over from the old one, as init scripts without a master do.
    func replaceProcess() async throws {
        let old = try await process()
        let next = try LabProcess(words + ["-x", settings.socket, "-sf", "\(old.id)"])
        processes.withLock { $0.append(next) }
        try await awaitOther(than: old)
    }

    /// SIGUSR2 to the master.
    func reload() async throws {
        let old = try await process()
        let master = try #require(processes.withLock { $0.first?.id })
        try await awaitOther(than: old) { try #require(Glibc.kill(master, SIGUSR2) == 0) }
    }

    /// Until the old process, which shares its socket with the new one at first, answers no more.
    ///
    /// A master that is just starting anew loses a signal, so it is sent again when nothing comes of it.
    private func awaitOther(than old: HAProxyProcess, after signal: () throws -> Void = {}) async throws {
        let end = MonotonicClock.milliseconds() + 60_000
        var streak = 0
        var nextSignal = MonotonicClock.milliseconds()
        while streak < 10 {
            if streak == 0, MonotonicClock.milliseconds() >= nextSignal {
                try signal()
                nextSignal += 3000
            }
            let now = try? await process()
            streak = now == nil || now == old ? 0 : streak + 1
            try #require(MonotonicClock.milliseconds() < end, "no new process answers")
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
    }
}
