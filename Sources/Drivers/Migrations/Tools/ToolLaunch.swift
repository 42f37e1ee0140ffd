import ChildProcesses
import DeployCore
import DeployPorts

/// Where and how a tool's processes are started.
struct ToolLaunch: Sendable {
    /// The playbook's.
    let folder: String
    /// Our own program, which becomes the supervisor of what shall outlive us.
    let supervisor: String
    /// The orchestrator's environment.
    let inherited: [String: String]

    init(folder: String, supervisor: String, inherited: [String: String] = ProcessTable.environment()) {
        self.folder = folder
        self.supervisor = supervisor
        self.inherited = inherited
    }

    /// The whole environment of a tool.
    ///
    /// The database's URL goes in by it and in no other way: every user of the host can read arguments. Tools
    /// that use libpq keep the limits by `PGOPTIONS`, and their back-ends show `name`. Secrets of the playbook
    /// and our own variables stay out.
    func environment<Dialect: ToolDialect>(
        of dialect: Dialect,
        on database: MigrationDatabase,
        named name: String
    ) throws(StepFailure) -> [String: String] {
        let secrets = Set(
            database.values.secrets.keys.map { $0.hasPrefix("secret.") ? String($0.dropFirst(7)) : $0 }
        )
        var environment = inherited.filter { name, _ in
            !secrets.contains(name) && !name.hasPrefix("BGDEPLOY_")
        }
        environment["DATABASE_URL"] = database.url
        environment["PGAPPNAME"] = name
        let options = [inherited["PGOPTIONS"]].compactMap(\.self) + database.limits.options
        environment["PGOPTIONS"] = options.joined(separator: " ")
        guard let url = DatabaseURL(database.url),
            let more = dialect.variables(for: url, named: name, database.limits)
        else {
            throw StepFailure(
                "\(dialect.title): the database's URL cannot be given to this tool (it is not shown); write "
                    + "postgresql://USER:PASSWORD@HOST:5432/DATABASE with one host",
                isTransient: false
            )
        }
        return environment.merging(more) { _, new in new }
    }

    /// Masks what must not be shown of a tool's words.
    func redactor(for database: MigrationDatabase) -> Redactor {
        Redactor(secrets: secrets(of: database))
    }

    func secrets(of database: MigrationDatabase) -> [String] {
        let password = DatabaseURL(database.url)?.password
        return Array(database.values.secrets.values) + [database.url] + [password].compactMap(\.self)
    }
}

extension MigrationLimits {
    /// As a back-end's options.
    var options: [String] {
        let statement = statement.map { "-c statement_timeout=\($0.milliseconds)" }
        return ["-c lock_timeout=\(lock.milliseconds)"] + [statement].compactMap(\.self)
    }
}
