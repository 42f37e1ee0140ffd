import DeployCore
import PostgresClient

/// One back-end that waits for another, one of them the migration's.
struct LockSituation: Hashable, Sendable {
    enum Direction: String, Sendable {
        case weWait = "waiting for"
        case theyWait = "waited for by"
    }

    /// The same wait in the next look.
    struct Key: Hashable, Sendable {
        let direction: Direction
        let ourPID: Int
        let pid: Int
        /// When the other's statement began, or its wait where the server does not show the statement.
        let since: String
    }

    let key: Key
    /// Whether it is a connection of somebody's, not the server's own work.
    let isUser: Bool
    /// For a person.
    let text: String
    let facts: [String: String]

    var direction: Direction { key.direction }
    var ourPID: Int { key.ourPID }
    var pid: Int { key.pid }

    /// Reads a row of ``question``; `nil` for a back-end of ours that neither waits nor is waited for.
    init?(_ row: [PostgresAnswer.Cell], _ connection: MigrationConnection) {
        let cells = row.map { $0.value ?? "" }
        guard cells.count == 10, let ours = Int(cells[0]), let pid = Int(cells[2]) else { return nil }
        let direction = cells[1] == "ours" ? Direction.weWait : .theyWait
        key = Key(direction: direction, ourPID: ours, pid: pid, since: cells[3])
        isUser = cells[4] == "client backend"
        // Secrets are masked while they are whole.
        let query = QueryText(connection.line(cells[9], limit: 2000)).description
        let age = Int64(cells[8]).map { "\(Span.seconds(max(0, $0)))" } ?? "unknown"
        let (user, application) = (connection.line(cells[5], limit: 64), connection.line(cells[6], limit: 64))
        let state = cells[7].isEmpty ? "state not shown" : connection.line(cells[7], limit: 40)
        // Who is not shown as a back-end has prepared its transaction and gone.
        let who =
            pid == 0
            ? "a prepared transaction"
            : "pid \(pid) (\(user.isEmpty ? cells[4] : user), \"\(application)\", \(state), "
                + "in a transaction for \(age))"
        text = "\(direction.rawValue) \(who): \(query)"
        facts = [
            "direction": direction.rawValue, "pid": "\(pid)", "our_pid": "\(ours)", "user": user,
            "application": application, "state": state, "transaction_age": age, "query": query,
        ]
    }

    /// The back-ends of the application `$1`, or of the processes `$2`, one a row, and who waits for whom.
    ///
    /// Only who waits for a lock is asked about: the answer takes the server's lock tables. Who waits is in
    /// `pg_locks`: what other users' connections do and are is shown to members of `pg_monitor` alone.
    static let question = """
        WITH ours AS MATERIALIZED (
            SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND (application_name = $1 OR pid = ANY ($2::int[]))
        ), waiting AS MATERIALIZED (
            SELECT l.pid, min(to_jsonb(l) ->> 'waitstart') AS since FROM pg_locks l WHERE NOT l.granted
            GROUP BY l.pid
        ), pairs AS MATERIALIZED (
            SELECT o.pid AS our_pid, 'ours' AS waits, b.pid AS pid
            FROM ours o JOIN waiting w ON w.pid = o.pid, LATERAL unnest(pg_blocking_pids(o.pid)) b(pid)
            UNION
            SELECT o.pid, 'theirs', w.pid
            FROM waiting w, LATERAL unnest(pg_blocking_pids(w.pid)) b(pid) JOIN ours o ON o.pid = b.pid
        )
        SELECT o.pid, p.waits, p.pid, coalesce(a.query_start::text, w.since),
            coalesce(a.backend_type, CASE WHEN a.usename IS NOT NULL THEN 'client backend' END),
            a.usename, a.application_name, a.state,
            extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, left(a.query, 2000)
        FROM ours o LEFT JOIN pairs p ON p.our_pid = o.pid
        LEFT JOIN pg_stat_activity a ON a.pid = p.pid
        LEFT JOIN waiting w ON w.pid = p.pid
        WHERE p.pid IS NULL OR p.pid NOT IN (SELECT pid FROM ours)
        """
}
