@testable import BalancerLab
import DeployCore
import DeployPorts
import Foundation
import RemoteHosts
import SafeFile
import SecureShell
import Testing

/// A real sshd with keys and configurations of its own, as a process of the test's.
final class SSHLab: Sendable {
    let folder = LabFolder()
    let port: UInt16
    /// Where the host is: loopback, or an address in a network of its own.
    let address: String
    private let daemon: LabProcess
    private let network: LabNetwork?

    var id: pid_t { daemon.id }

    /// `forced` is a command that the key is good for alone.
    init(forced: String? = nil, network: LabNetwork? = nil) async throws {
        let path = folder.path
        chmod(path, 0o700)
        self.network = network
        address = network?.address ?? "127.0.0.1"
        for key in ["host", "client", "other"] {
            try Self.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", "\(path)/\(key)"])
        }
        let option = forced.map { "command=\"\($0)\" " } ?? ""
        try folder.write("authorized_keys", option + folder.text("client.pub"))
        port = Self.freePort()
        try folder.write("sshd_config", Self.daemonConfiguration(path, address, port))
        mkdir("/run/sshd", 0o755)
        let words = ["/usr/sbin/sshd", "-D", "-f", "\(path)/sshd_config", "-E", "\(path)/sshd.log"]
        daemon = try LabProcess((network?.prefix ?? []) + words)
        try folder.write("known_hosts", "[\(address)]:\(port) \(folder.text("host.pub"))")
        try folder.write("ssh_config", Self.clientConfiguration(path))
        try folder.write("ssh", "#!/bin/sh\nexec ssh -F \(path)/ssh_config \"$@\"\n")
        chmod("\(path)/ssh", 0o700)
        mkdir("\(path)/c", 0o700)
        try await eventually("sshd listens") { [folder] in folder.text("sshd.log").contains("listening on") }
    }

    deinit {
        for process in descendants() { kill(process, SIGKILL) }
        // A shared connection's keeper is nobody's child.
        for process in ProcessList.all() where ProcessList.command(of: process).contains(folder.path) {
            kill(process, SIGKILL)
        }
    }

    /// With the lab's keys; a name of the user is not needed.
    func host() throws -> SSHHost { try SSHHost("ssh://\(address):\(port)") }

    func client(isSharing: Bool = true) -> SSHClient {
        SSHClient(program: "\(folder.path)/ssh", controlFolder: isSharing ? "\(folder.path)/c" : nil)
    }

    /// The kind `key` as a playbook's entry reaches it on this host.
    func kind(
        _ key: String,
        limits: RemoteLimits = RemoteLimits(),
        isSharing: Bool = true,
        version: String = "0.1.0",
        command: [String]? = nil
    ) throws -> BalancerKind {
        let client = client(isSharing: isSharing)
        let kind = try #require(Stands.kinds.first { $0.key == key })
        return kind.alsoElsewhere(
            client: { client },
            version: version,
            limits: limits,
            command: try command ?? [Self.fixture(), "0.1.0"]
        )
    }

    /// Everything that sshd started and that still lives.
    func descendants() -> [pid_t] { ProcessList.descendants(of: daemon.id) }

    func signal(_ number: Int32) {
        for process in [daemon.id] + descendants() { kill(process, number) }
    }

    /// What is known of the host's key is another one from now on; returns the text.
    @discardableResult
    func expectOtherKey() throws -> String {
        let known = "[\(address)]:\(port) \(folder.text("other.pub"))"
        try folder.write("known_hosts", known)
        return known
    }

    static func fixture() throws -> String {
        let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: here).deletingLastPathComponent().appending(path: "balancer-host-fixture").path
    }

    static func run(_ words: [String]) throws {
        let process = try LabProcess(words)
        var status: Int32 = -1
        withExtendedLifetime(process) { _ = waitpid(process.id, &status, 0) }
        try #require(status == 0, "\(words)")
    }

    private static func freePort() -> UInt16 { WebBackend("unused").port }

    private static func daemonConfiguration(_ path: String, _ address: String, _ port: UInt16) -> String {
        """
        ListenAddress \(address):\(port)
        HostKey \(path)/host
        PidFile none
        AuthorizedKeysFile \(path)/authorized_keys
        StrictModes no
        UsePAM no
        PermitRootLogin yes
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        LogLevel VERBOSE
        AllowAgentForwarding yes
        MaxStartups 100
        MaxSessions 50

        """
    }

    private static func clientConfiguration(_ path: String) -> String {
        """
        IdentityFile \(path)/client
        IdentitiesOnly yes
        IdentityAgent none
        UserKnownHostsFile \(path)/known_hosts
        GlobalKnownHostsFile /dev/null
        UpdateHostKeys no
        StrictHostKeyChecking no
        ForwardAgent yes
        RequestTTY force

        """
    }
}

/// A network with one host in it, at the other end of a cable that can be pulled.
final class LabNetwork: Sendable {
    let address: String
    let prefix: [String]
    private let name: String

    /// Whether this machine lets us make networks.
    static let isAllowed: Bool = {
        guard isInstalled("ip") else { return false }
        let name = "bgd-try-\(getpid())"
        guard (try? SSHLab.run(["ip", "netns", "add", name])) != nil else { return false }
        return (try? SSHLab.run(["ip", "netns", "del", name])) != nil
    }()

    init() throws {
        let number = UInt32.random(in: 0..<(1 << 20))
        name = "bgd\(String(number, radix: 36))"
        // 198.18.0.0/15 is set aside for test networks.
        let base = number % (1 << 15) * 4
        func place(_ last: UInt32) -> String {
            "198.\(18 + (base >> 16)).\(base >> 8 & 255).\((base & 255) + last)"
        }
        address = place(2)
        prefix = ["ip", "netns", "exec", name]
        for line in [
            "netns add \(name)", "link add \(name) type veth peer name eth0 netns \(name)",
            "addr add \(place(1))/30 dev \(name)", "link set \(name) up",
            "-n \(name) addr add \(address)/30 dev eth0", "-n \(name) link set eth0 up",
            "-n \(name) link set lo up",
        ] {
            try SSHLab.run(["ip"] + line.split(separator: " ").map(String.init))
        }
    }

    deinit { try? SSHLab.run(["ip", "netns", "del", name]) }

    /// Takes the cable out at the far end, so that nobody is told; or puts it in again.
    func setCable(_ isIn: Bool) throws {
        try SSHLab.run(["ip", "-n", name, "link", "set", "eth0", isIn ? "up" : "down"])
    }
}

enum ProcessList {
    static func all() -> [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
    }

    static func command(of process: pid_t) -> String {
        (ProcFile.text("/proc/\(process)/cmdline") ?? "").replacing("\0", with: " ")
    }

    static func environment(of process: pid_t) -> String { ProcFile.text("/proc/\(process)/environ") ?? "" }

    static func descendants(of root: pid_t) -> [pid_t] {
        var parents: [pid_t: pid_t] = [:]
        for process in all() { parents[process] = parent(of: process) }
        return parents.keys.filter { process in
            var next = parents[process]
            while let now = next, now > 1 {
                if now == root { return true }
                next = parents[now]
            }
            return false
        }
    }

    private static func parent(of process: pid_t) -> pid_t? {
        let text = ProcFile.text("/proc/\(process)/stat") ?? ""
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 1 && fields[0] != "Z" ? pid_t(fields[1]) : nil
    }
}
