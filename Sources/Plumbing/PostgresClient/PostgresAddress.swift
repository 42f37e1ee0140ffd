internal import CLibpq

/// A database, as a URL names it.
package struct PostgresAddress: Hashable, Sendable {
    /// Connection parameters of libpq, in the order in which they are tried: one set for each host.
    let attempts: [[Parameter]]
    /// What the URL and the defaults say, by libpq's names for it.
    package let parameters: [String: String]
    /// For people: hosts, ports and the database, without user and password.
    package let place: String

    /// The password that the URL holds.
    package var password: String? { parameters["password"] }

    struct Parameter: Hashable, Sendable {
        let name: String
        let value: String
    }

    /// Reads what libpq takes for a URL: `postgresql://user:password@host1:5432,host2/database?sslmode=…`.
    ///
    /// `defaults` are parameters of libpq for what the URL does not say. A driver's name in the scheme, as
    /// `postgresql+psycopg2`, is passed over. What is wrong with a URL is not told in libpq's words: they
    /// quote it, and its password with it.
    package init(_ url: String, defaults: [String: String] = [:]) throws(PostgresError) {
        guard let colon = url.firstRange(of: "://") else { throw Self.badURL }
        let scheme = url[..<colon.lowerBound].split(separator: "+").first.map(String.init) ?? ""
        guard scheme == "postgres" || scheme == "postgresql", !url.utf8.contains(0) else { throw Self.badURL }
        guard Int(bg_pq_load()) == bg_pq_ready else { throw Self.noLibrary }
        guard let list = bg_pq_conninfoParse("\(scheme)\(url[colon.lowerBound...])", nil) else {
            throw Self.badURL
        }
        defer { bg_pq_conninfoFree(list) }
        var parameters: [Parameter] = []
        var option = list
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                parameters.append(Parameter(name: String(cString: keyword), value: String(cString: value)))
            }
            option += 1
        }
        for (name, value) in defaults where !parameters.contains(where: { $0.name == name }) {
            parameters.append(Parameter(name: name, value: value))
        }
        self.parameters = Dictionary(parameters.map { ($0.name, $0.value) }) { first, _ in first }
            .filter { !$0.value.isEmpty }
        let hosts = Self.hosts(of: parameters)
        // A `/` or an `@` of a password that is not encoded moves the rest of it to where the host is read.
        guard hosts.allSatisfy(\.isPlausible) else { throw Self.badURL }
        attempts = Self.attempts(parameters, hosts)
        let database = parameters.first { $0.name == "dbname" }.map { "/\($0.value)" } ?? ""
        place = hosts.map(\.description).joined(separator: ",") + database
    }

    struct Host: Hashable, CustomStringConvertible {
        var host: String?
        var address: String?
        var port: String?

        var isPlausible: Bool {
            let number = port.map { Int($0) ?? 0 } ?? 5432
            return (1...65535).contains(number) && host?.contains("@") != true
        }

        var description: String {
            let name = host ?? address ?? "localhost"
            return name.hasPrefix("/") ? name : "\(name):\(port ?? "5432")"
        }
    }

    /// libpq takes lists of hosts, addresses and ports, where one port stands for all.
    private static func hosts(of parameters: [Parameter]) -> [Host] {
        func list(_ name: String) -> [String] {
            parameters.first { $0.name == name }?.value
                .split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
        }
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
        return (0..<max(1, names.count, addresses.count)).map { index in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            return Host(
                host: index < names.count && !names[index].isEmpty ? names[index] : nil,
                address: index < addresses.count && !addresses[index].isEmpty ? addresses[index] : nil,
                port: port.isEmpty ? nil : port
            )
        }
    }

    /// One for each host: asked for several at once, libpq would wait for a silent one for ever.
    private static func attempts(_ parameters: [Parameter], _ hosts: [Host]) -> [[Parameter]] {
        let replaced: Set = ["host", "hostaddr", "port", "target_session_attrs"]
        let common = parameters.filter { !replaced.contains($0.name) }
        let wanted = parameters.first { $0.name == "target_session_attrs" }?.value
        let rounds: [String?] = wanted == "prefer-standby" ? ["standby", "any"] : [wanted]
        return rounds.flatMap { round in
            hosts.map { host in
                let own = [
                    ("host", host.host), ("hostaddr", host.address), ("port", host.port),
                    ("target_session_attrs", round),
                ]
                return common
                    + own.compactMap { name, value in value.map { Parameter(name: name, value: $0) } }
            }
        }
    }

    private static let badURL = PostgresError.badRequest(
        "not a PostgreSQL URL such as postgresql://USER:PASSWORD@HOST:5432/DATABASE "
            + "(it is not shown; special characters of a password must be percent-encoded)"
    )

    private static var noLibrary: PostgresError {
        let reason = String(cString: bg_pq_load_error())
        return Int(bg_pq_load()) == bg_pq_absent
            ? .badRequest("libpq is not installed: apt-get install libpq5 (\(reason))")
            : .badRequest("libpq cannot be used: \(reason)")
    }
}
