/// Who is connected, and how many more may be.
struct Connections: Examination {
    static let topic = Topic.connections

    struct State: Hashable, Sendable, Decodable {
        let state: String
        let sessions: Int
        let oldestSeconds: Double?
    }

    struct Group: Hashable, Sendable, Decodable {
        let application: String
        let user: String?
        let client: String?
        let sessions: Int
        let active: Int
        let idle: Int
        let inTransaction: Int
        /// Since the oldest of them connected.
        let oldestSeconds: Double?
    }

    let maximum: Int
    /// For superusers, and since 16 for users with `pg_use_reserved_connections`.
    let reserved: Int
    let used: Int
    /// -1 for none.
    let databaseLimit: Int
    let databaseUsed: Int
    let states: [State]
    /// The ten largest.
    let groups: [Group]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        var report = TopicReport(listings: [listing])
        let free = max(1, maximum - reserved)
        let list = states.map { "\($0.sessions) \($0.state)" }.joined(separator: ", ")
        report.findings.append(
            finding(
                "connections: \(used) of \(maximum) (\(reserved) reserved): \(list)",
                thresholds.connections.severity(of: Double(used) / Double(free))
            )
        )
        if databaseLimit >= 0 {
            let severity = thresholds.connections.severity(
                of: Double(databaseUsed) / Double(max(1, databaseLimit))
            )
            let seen = "connections of this database: \(databaseUsed) of its limit \(databaseLimit)"
            report.findings.append(finding(seen, severity))
        }
        return report
    }

    private func finding(_ seen: String, _ severity: Finding.Severity) -> Finding {
        guard severity > .ok else { return .ok(.connections, seen) }
        return Finding(
            severity: severity,
            topic: .connections,
            seen: seen,
            details: groups.prefix(5).map(Self.words),
            why: "when none is left the next one is refused: an application that restarts does not come up",
            remedies: remedies
        )
    }

    private static func words(_ group: Group) -> String {
        let name = group.application.isEmpty ? "(no name)" : group.application
        let whose = group.user.map { " \($0)" } ?? ""
        return "\(group.sessions) of \(name)\(whose)\(group.client.map { "@\($0)" } ?? ""): "
            + "\(group.active) active, \(group.idle) idle, \(group.inTransaction) idle in transaction"
    }

    private var remedies: [Remedy] {
        var list = [Remedy("make the applications' pools smaller, or put PgBouncer between")]
        if let group = groups.max(by: { $0.idle < $1.idle }), group.idle > 0 {
            let user = group.user.map { " AND usename = \(Words.literal($0))" } ?? ""
            list.append(
                Remedy(
                    "end what has been idle for ten minutes; a pool opens new ones when it needs them",
                    sql: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' "
                        + "AND state_change < now() - interval '10 minutes' "
                        + "AND application_name = \(Words.literal(group.application))\(user)"
                )
            )
        }
        return list
    }

    private var listing: Listing {
        Listing(
            topic: .connections,
            title: "Connections",
            columns: [
                "application", "user", "client", "sessions", "active", "idle", "in transaction", "oldest",
            ],
            rows: groups.map { group in
                [
                    .text(group.application), .text(group.user), .text(group.client), .count(group.sessions),
                    .count(group.active), .count(group.idle), .count(group.inTransaction),
                    .seconds(group.oldestSeconds),
                ]
            }
        )
    }
}
