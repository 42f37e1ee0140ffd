import ChildProcesses
import DeployPorts
import PostgresClient

/// A database as a URL names it, for libpq in this process and for PostgreSQL's own programs.
struct DatabaseServer: Sendable {
    let address: PostgresAddress

    init(url: String) throws(StepFailure) {
        do throws(PostgresError) {
            address = try PostgresAddress(url)
        } catch {
            throw StepFailure(PostgresWords.of(error), isTransient: false)
        }
        guard address.parameters["sslpassword"] == nil else {
            throw StepFailure(
                "a URL with `sslpassword` cannot be handed to pg_dump, which has no variable for it: use a key "
                    + "without a passphrase",
                isTransient: false
            )
        }
    }

    /// For people: host, port and database.
    var place: String { address.place }
    var user: String? { address.parameters["user"] }

    /// Variables for PostgreSQL's programs: the only way on which a password reaches them.
    ///
    /// Everybody may read the arguments of a process, and only its user its variables. `database` is for another
    /// one than the URL's.
    func environment(database: String? = nil) -> [String: String] {
        var result = Self.surroundings
        for (name, variable) in Self.variables {
            if let value = address.parameters[name] { result[variable] = value }
        }
        if let database { result["PGDATABASE"] = database }
        if result["PGCONNECT_TIMEOUT"] == nil { result["PGCONNECT_TIMEOUT"] = "15" }
        if result["PGAPPNAME"] == nil { result["PGAPPNAME"] = "bgdeploy" }
        return result
    }

    /// What of our own environment they may need: not the secrets of the playbook.
    private static var surroundings: [String: String] {
        // pg_dump would convert what it dumps to that encoding.
        ProcessTable.environment().filter { name, _ in
            name != "PGCLIENTENCODING"
                && (["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"].contains(name)
                    || ["PG", "LC_", "KRB5"].contains { name.hasPrefix($0) })
        }
    }

    private static let variables = [
        "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE",
        "user": "PGUSER", "password": "PGPASSWORD", "passfile": "PGPASSFILE", "service": "PGSERVICE",
        "options": "PGOPTIONS",
        "sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT",
        "sslcrl": "PGSSLCRL", "sslsni": "PGSSLSNI", "gssencmode": "PGGSSENCMODE",
        "krbsrvname": "PGKRBSRVNAME", "channel_binding": "PGCHANNELBINDING",
        "requirepeer": "PGREQUIREPEER", "connect_timeout": "PGCONNECT_TIMEOUT",
        "target_session_attrs": "PGTARGETSESSIONATTRS", "application_name": "PGAPPNAME",
        "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    ]
}

/// Words for what a database did not answer.
enum PostgresWords {
    static func of(_ error: PostgresError) -> String {
        switch error {
        case .badRequest(let text), .tooLarge(let text): text
        case .unreachable(let reasons): "no connection: \(reasons.joined(separator: "; "))"
        case .refused(let problem): "\(problem.message) (SQLSTATE \(problem.state))"
        case .cutOff(let reason, _): "the connection ended: \(reason)"
        case .timedOut: "no answer in time"
        case .cancelled: "stopped before it was answered"
        }
    }
}
