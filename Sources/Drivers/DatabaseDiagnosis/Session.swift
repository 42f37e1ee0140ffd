internal import PostgresClient

/// A connection, as the one who must decide about it wants to know it.
struct Session: Hashable, Sendable, Decodable {
    let pid: Int
    let user: String?
    let application: String?
    let client: String?
    /// `client backend`, `autovacuum worker` …; `nil` where it is hidden.
    var kind: String?
    let state: String?
    /// Since its transaction began.
    let transactionSeconds: Double?
    /// Since its state is the one that it is.
    let stateSeconds: Double?
    /// Since its statement began.
    let querySeconds: Double?
    let query: QueryText?

    /// The columns as SQL, of `pg_stat_activity a`.
    static let columns = """
        a.pid, a.usename AS user, a.application_name AS application, a.backend_type AS kind, a.state,
        coalesce(host(a.client_addr), CASE WHEN a.client_port = -1 THEN 'local' END) AS client,
        extract(epoch FROM clock_timestamp() - a.xact_start) AS transaction_seconds,
        extract(epoch FROM clock_timestamp() - a.state_change) AS state_seconds,
        extract(epoch FROM clock_timestamp() - a.query_start) AS query_seconds,
        left(a.query, 400) AS query
        """

    var isIdleInTransaction: Bool { state?.hasPrefix("idle in transaction") == true }

    /// As `pid 71 (web, app@10.0.0.5)`.
    var name: String {
        let program = application.flatMap { $0.isEmpty ? nil : $0 } ?? (kind == "client backend" ? nil : kind)
        let person = user.map { name in name + (client.map { "@\($0)" } ?? "") }
        let parts = [program, person].compactMap { $0 }
        return "pid \(pid)" + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
    }

    /// As `idle in transaction for 3 min, transaction 4 min: UPDATE …`.
    var doing: String {
        var text = state ?? "state hidden"
        if let seconds = state == "active" ? querySeconds : stateSeconds {
            text += " for \(Words.seconds(seconds))"
        }
        if let transactionSeconds { text += ", transaction \(Words.seconds(transactionSeconds))" }
        return text + (query.map { ": \($0)" } ?? "")
    }

    /// What ends its transaction: a statement that runs can be cancelled, an idle one only be cut off.
    var remedy: Remedy {
        isIdleInTransaction
            ? Remedy(
                "end \(name); its transaction is rolled back",
                sql: "SELECT pg_terminate_backend(\(pid))"
            )
            : Remedy("cancel the statement of \(name)", sql: "SELECT pg_cancel_backend(\(pid))")
    }
}
