import Foundation
import ServiceLab

/// Another server, made of a copy of a first one's data.
final class ServerCopy {
    struct Missing: Error, CustomStringConvertible {
        let description = "PostgreSQL is not installed: scripts/setup test"
    }

    private let folder: Folder
    private let program: Program

    var url: String { "postgresql://postgres@/postgres?host=\(folder.path)" }

    /// Lets `original` take replicas; the copy is one of them if `follows`.
    ///
    /// `settings` are the copy's own, as `name=value`.
    init(of original: PostgresAccess, follows: Bool, settings: [String] = []) throws {
        let tools = try Self.toolFolder()
        folder = try Folder()
        let drop =
            geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        do {
            if geteuid() == 0 {
                try Program.run(["chown", "postgres", folder.path], in: folder, name: "own")
            }
            try Self.admitReplicas(to: original, tools, folder)
            let data = "\(folder.path)/data"
            try Program.run(
                drop + [
                    "\(tools)/pg_basebackup", "-h", original.folder, "-U", "postgres", "-D", data,
                    "--checkpoint=fast", "--no-sync",
                ] + (follows ? ["-R"] : []),
                in: folder,
                name: "copy"
            )
            let all =
                [
                    "fsync=off", "listen_addresses=", "unix_socket_directories=\(folder.path)",
                    "shared_buffers=16MB", "max_connections=40", "log_min_messages=fatal",
                ] + settings
            program = try Program(
                drop + ["\(tools)/postgres", "-D", data] + all.flatMap { ["-c", $0] },
                in: folder,
                name: "postgres"
            )
        } catch {
            folder.remove()
            throw error
        }
        do {
            let ready = ["\(tools)/pg_isready", "-q", "-h", folder.path, "-U", "postgres"]
            try program.wait { (try? Program.run(ready, in: folder, name: "ready")) != nil }
        } catch {
            stop()
            throw error
        }
    }

    /// Ends the server and all that it began, and removes its folder.
    func stop() {
        let file = try? String(contentsOfFile: "\(folder.path)/data/postmaster.pid", encoding: .utf8)
        if let pid = file?.split(separator: "\n").first.flatMap({ pid_t($0) }) { kill(pid, SIGQUIT) }
        let end = ContinuousClock.now + .seconds(20)
        while program.isRunning, ContinuousClock.now < end { poll(nil, 0, 10) }
        program.kill()
        folder.remove()
    }

    private static func admitReplicas(to original: PostgresAccess, _ tools: String, _ folder: Folder) throws {
        let rules = URL(filePath: "\(original.folder)/data/pg_hba.conf")
        let text = try String(contentsOf: rules, encoding: .utf8)
        try Data("local replication all trust\n\(text)".utf8).write(to: rules)
        try Program.run(
            [
                "\(tools)/psql", "-q", "-h", original.folder, "-U", "postgres", "-c",
                "SELECT pg_reload_conf()",
            ],
            in: folder,
            name: "reload"
        )
    }

    private static func toolFolder() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let newest = versions.compactMap({ Int($0) }).max() else {
            throw Missing()
        }
        return "\(root)/\(newest)/bin"
    }
}
