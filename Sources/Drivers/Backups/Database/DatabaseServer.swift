import ChildProcesses
import DeployPorts
import PostgresClient

/// A database as a URL names it, for libpq in this process and for PostgreSQL's own programs.
struct DatabaseServer: Sendable {
    let address: PostgresAddress
    private let parameters: [String: String]

    init(url: String) throws(StepFailure) {
        do throws(PostgresError) {
            address = try PostgresAddress(url)
        } catch {
            throw StepFailure(PostgresWords.of(error), isTransient: false)
        }
        parameters = DatabaseURL.parameters(of: url)
        guard parameters["sslpassword"] == nil else {
            throw StepFailure(
                "a URL with `sslpassword` cannot be handed to pg_dump, which has no variable for it: use a key "
                    + "without a passphrase",
                isTransient: false
            )
        }
    }

    /// For people: host, port and database.
    var place: String { address.place }
    var user: String? { parameters["user"] }

    /// Variables for PostgreSQL's programs: the only way on which a password reaches them.
    ///
    /// Everybody may read the arguments of a process, and only its user its variables. `database` is for another
    /// one than the URL's.
    func environment(database: String? = nil) -> [String: String] {
        var result = Self.surroundings
        for (name, variable) in Self.variables {
            if let value = parameters[name] { result[variable] = value }
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

/// The parameters in a URL that libpq has found to be one.
enum DatabaseURL {
    /// As `conninfo_uri_parse` of libpq reads them: section 34.1.1.2 of PostgreSQL's documentation.
    static func parameters(of url: String) -> [String: String] {
        guard let scheme = url.firstRange(of: "://") else { return [:] }
        var rest = url[scheme.upperBound...]
        var result: [String: String] = [:]
        let head = rest.prefix { $0 != "/" }
        if let at = head.firstIndex(of: "@") {
            let credentials = rest[..<at]
                .split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            result["user"] = decoded(credentials[0])
            if credentials.count > 1 { result["password"] = decoded(credentials[1]) }
            rest = rest[rest.index(after: at)...]
        }
        let hosts = rest.prefix { !"/?".contains($0) }
        let (names, ports) = Self.hosts(String(hosts))
        if names.contains(where: { !$0.isEmpty }) { result["host"] = names.joined(separator: ",") }
        if ports.contains(where: { !$0.isEmpty }) { result["port"] = ports.joined(separator: ",") }
        rest = rest[hosts.endIndex...]
        if rest.first == "/" { result["dbname"] = decoded(rest.dropFirst().prefix { $0 != "?" }) }
        if let question = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: question)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { continue }
                result[decoded(parts[0])] = decoded(parts[1])
            }
        }
        if result.removeValue(forKey: "ssl") == "true" { result["sslmode"] = "require" }
        return result.filter { !$0.value.isEmpty }
    }

    private static func hosts(_ text: String) -> (names: [String], ports: [String]) {
        var (names, ports): ([String], [String]) = ([], [])
        for host in text.split(separator: ",", omittingEmptySubsequences: false) {
            // `[::1]:5432`: the colons of an address stand within brackets.
            let bracket = host.lastIndex(of: "]")
            let tail = host[(bracket ?? host.startIndex)...]
            let colon = tail.firstIndex(of: ":")
            names.append(decoded(host[..<(colon ?? host.endIndex)].filter { !"[]".contains($0) }[...]))
            ports.append(colon.map { decoded(host[host.index(after: $0)...]) } ?? "")
        }
        return (names, ports)
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
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
