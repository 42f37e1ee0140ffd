import Foundation

/// A real PostgreSQL on a socket in a folder of its own.
///
/// It trusts everybody but the user `guarded`, who has the password ``password``.
public final class PostgresServer {
    public static let password = "p4ss/w0rd"

    public let folder: Folder
    private var program: Program

    public init() throws {
        folder = try Folder()
        do {
            try Self.create(in: folder)
            let started = try Self.start(in: folder)
            program = started
            do { try Self.makeUser(in: folder) } catch {
                started.kill()
                throw error
            }
        } catch {
            folder.remove()
            throw error
        }
    }

    public var access: PostgresAccess { PostgresAccess(folder: folder.path) }

    /// Ends the server and all that it began, and removes its folder.
    public func stop() {
        end()
        folder.remove()
    }

    /// Ends the server in the middle of what it does, and starts it again.
    public func restart() throws {
        end()
        program = try Self.start(in: folder)
    }

    private func end() {
        // SIGQUIT is what makes PostgreSQL end its children too, at once.
        let file = try? String(contentsOfFile: "\(folder.path)/data/postmaster.pid", encoding: .utf8)
        if let pid = file?.split(separator: "\n").first.flatMap({ pid_t($0) }) { kill(pid, SIGQUIT) }
        let end = ContinuousClock.now + .seconds(20)
        while program.isRunning, ContinuousClock.now < end { poll(nil, 0, 10) }
        program.kill()
    }

    /// PostgreSQL refuses to run as root.
    private static var drop: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
    }

    private static func create(in folder: Folder) throws {
        let data = "\(folder.path)/data"
        let tools = try toolFolder()
        if geteuid() == 0 { try Program.run(["chown", "postgres", folder.path], in: folder, name: "chown") }
        try Program.run(
            drop + [
                "\(tools)/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
                "--locale=C",
            ],
            in: folder,
            name: "initdb"
        )
        let rules = "local all guarded scram-sha-256\nlocal all all trust\n"
        try Data(rules.utf8).write(to: URL(filePath: "\(data)/pg_hba.conf"))
    }

    private static func start(in folder: Folder) throws -> Program {
        let data = "\(folder.path)/data"
        let tools = try toolFolder()
        let settings = [
            "fsync=off", "listen_addresses=", "unix_socket_directories=\(folder.path)", "shared_buffers=16MB",
            "max_connections=40", "log_min_messages=fatal",
        ]
        let program = try Program(
            drop + ["\(tools)/postgres", "-D", data] + settings.flatMap { ["-c", $0] },
            in: folder,
            name: "postgres"
        )
        do {
            let ready = ["\(tools)/pg_isready", "-q", "-h", folder.path, "-U", "postgres"]
            try program.wait { (try? Program.run(ready, in: folder, name: "ready")) != nil }
        } catch {
            program.kill()
            throw error
        }
        return program
    }

    private static func makeUser(in folder: Folder) throws {
        try Program.run(
            [
                "\(toolFolder())/psql", "-q", "-h", folder.path, "-U", "postgres", "-c",
                "create role guarded login password '\(password)'",
            ],
            in: folder,
            name: "psql"
        )
    }

    /// Debian keeps the server's programs apart for each version; the newest is taken.
    private static func toolFolder() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let newest = versions.compactMap({ Int($0) }).max() else {
            throw Program.Failure(description: "PostgreSQL is not installed: scripts/setup test")
        }
        return "\(root)/\(newest)/bin"
    }
}

/// How to reach a ``PostgresServer``.
public struct PostgresAccess: Sendable {
    /// Where its socket is.
    public let folder: String

    /// `postgres` may do everything; `guarded` needs its password.
    public func url(user: String = "postgres", password: String? = nil) -> String {
        let encoded = password?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        return "postgresql://\(user)\(encoded.map { ":\($0)" } ?? "")@/postgres?host=\(folder)"
    }
}
