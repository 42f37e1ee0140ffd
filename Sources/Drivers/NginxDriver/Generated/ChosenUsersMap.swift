import DeployPorts

/// The part of a generated text that sends chosen users to one pool.
///
/// nginx looks words up in a `map` without regard to case. So one map finds the word as the playbook has it,
/// and another one compares. With 100,000 users `nginx -t` takes some 70 ms; it warns that
/// `map_hash_max_size` (2048) is not optimal, which costs nothing that could be measured, and which cannot be
/// set here: the directive may stand only once in a configuration.
struct ChosenUsersMap {
    let users: ChosenUsers
    let pool: String
    /// Where everybody else goes.
    let rest: String
    let prefix: String

    init(_ users: ChosenUsers, to pool: String, rest: String, prefix: String) {
        self.users = users
        self.pool = pool
        self.rest = rest
        self.prefix = prefix
    }

    var text: String {
        let user = UserVariable(users.key, prefix: "\(prefix)_chosen")
        var text = user.definition + "map \(user.expression) $\(prefix)_listed {\n    default '';\n"
        text.reserveCapacity(users.values.count * 32)
        var seen: Set<String> = []
        var twins: [String] = []
        for value in users.values {
            if seen.insert(value.lowercased()).inserted {
                text += "    \(Self.word(value)) \(value);\n"
            } else {
                twins.append(value)
            }
        }
        text +=
            "}\n\nmap \"${\(prefix)_listed}:\(user.expression)\" $\(prefix)_pool {\n    default \(rest);\n"
        text += "    \"~^([0-9A-Za-z._@+=-]+):\\1$\" \(pool);\n"
        // Users who differ from another one only in case.
        for twin in twins { text += "    \"~^[^:]*:\(UserVariable.escaped(twin))$\" \(pool);\n" }
        return text + "}\n"
    }

    /// A `map` gives some words a meaning of their own.
    private static func word(_ value: String) -> String {
        ["default", "hostnames", "include", "volatile"].contains(value) ? "\\\(value)" : value
    }
}
