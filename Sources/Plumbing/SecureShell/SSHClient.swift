import ChildProcesses
import Glibc

/// How `ssh` is started: with the user's own configuration, but nothing in it that would trust a host unseen, ask
/// a person, forward anything, or wait for ever.
package struct SSHClient: Sendable {
    /// A name in `PATH` or a path.
    package let program: String
    /// A folder of ours for the sockets of shared connections; `nil` to share none.
    package let controlFolder: String?

    package init(program: String = "ssh", controlFolder: String? = nil) {
        self.program = program
        self.controlFolder = controlFolder
    }

    /// The one that `BGDEPLOY_SSH` names, or `ssh`; connections are shared where a folder can be had for it.
    package static func usual(_ environment: [String: String] = ProcessTable.environment()) -> SSHClient {
        let named = environment["BGDEPLOY_SSH"].flatMap { $0.isEmpty ? nil : $0 }
        return SSHClient(program: named ?? "ssh", controlFolder: controlFolder(environment))
    }

    /// What `ssh` itself inherits: ours, without what is told to bgdeploy alone.
    package static func environment(
        _ environment: [String: String] = ProcessTable.environment()
    ) -> [String: String] {
        environment.filter { !$0.key.hasPrefix("BGDEPLOY_") }
    }

    /// The whole argument list for `command`, each word of which arrives at the host as it is.
    ///
    /// A command that must outlive this process shares no connection: another's end would be its own.
    package func arguments(_ host: SSHHost, _ command: [String], isShared: Bool) -> [String] {
        var arguments = [program, "-T", "-a", "-x"]
        for option in Self.options + sharing(isShared) { arguments += ["-o", option] }
        if let user = host.user { arguments += ["-l", user] }
        if let port = host.port { arguments += ["-p", "\(port)"] }
        return arguments + ["--", host.name, command.map(ShellWord.quoted).joined(separator: " ")]
    }

    /// A dead link is noticed within about ten seconds.
    private static let options = [
        "BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ForwardX11=no",
        "ClearAllForwardings=yes", "PermitLocalCommand=no", "RemoteCommand=none", "ConnectTimeout=10",
        "ConnectionAttempts=1", "ServerAliveInterval=3", "ServerAliveCountMax=3", "EscapeChar=none",
        "LogLevel=INFO",
    ]

    private func sharing(_ isShared: Bool) -> [String] {
        guard isShared, let controlFolder else { return ["ControlMaster=no", "ControlPath=none"] }
        return ["ControlMaster=auto", "ControlPath=\(controlFolder)/%C", "ControlPersist=30"]
    }

    /// A folder that only we can enter, made if need be; `nil` when there is none that is safe and short enough.
    private static func controlFolder(_ environment: [String: String]) -> String? {
        let runtime = environment["XDG_RUNTIME_DIR"].map { "\($0)/bgdeploy-ssh" }
        return [runtime, "/tmp/bgdeploy-ssh-\(geteuid())"].compactMap(\.self).first(where: isUsable)
    }

    private static func isUsable(_ folder: String) -> Bool {
        // A socket's path has 107 bytes, of which ssh wants 40 for the name and 18 while it makes it.
        guard folder.hasPrefix("/"), folder.utf8.count <= 48, !folder.contains("%"), !folder.contains("\""),
            !folder.contains(where: \.isWhitespace)
        else { return false }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { return false }
        var status = stat()
        return lstat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            && status.st_uid == geteuid() && status.st_mode & 0o077 == 0
    }
}

/// Words of a shell.
package enum ShellWord {
    /// `text` as one word, whatever is in it.
    package static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
        return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
