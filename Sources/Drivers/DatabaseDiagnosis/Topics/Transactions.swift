internal import PostgresClient

/// What runs for long, or has been left open.
struct Transactions: Examination {
    static let topic = Topic.transactions
    private static let lineLimit = 8
    /// A shorter statement is not listed.
    private static let slowSeconds = 1.0

    struct Prepared: Hashable, Sendable, Decodable {
        let name: String
        let owner: String?
        let database: String?
        let seconds: Double
    }

    /// The oldest twenty with a transaction.
    let sessions: [Session]
    let prepared: [Prepared]
    /// As it is set: `0` for no limit.
    let idleLimit: String

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let limits = thresholds.transaction
        let long = sessions.filter { ($0.transactionSeconds ?? 0) >= limits.warn }
        var findings = [
            idle(long.filter(\.isIdleInTransaction), limits, server),
            running(long.filter { !$0.isIdleInTransaction }, limits),
            abandoned(prepared.filter { $0.seconds >= limits.warn }, limits),
        ].compactMap { $0 }
        if findings.isEmpty {
            let oldest = sessions.compactMap(\.transactionSeconds).max()
            let words = oldest.map { "the oldest is \(Words.seconds($0)) old" } ?? "none open"
            findings = [.ok(.transactions, "transactions: \(words)")]
        }
        return TopicReport(findings: findings, listings: [listing])
    }

    private func idle(
        _ sessions: [Session],
        _ limits: Thresholds.Pair,
        _ server: ServerProfile
    ) -> Finding? {
        guard let oldest = sessions.compactMap(\.transactionSeconds).max() else { return nil }
        var remedies = sessions.prefix(3).map(\.remedy)
        if idleLimit == "0" {
            remedies.append(
                Remedy(
                    "let the server end such sessions from now on (new connections only)",
                    sql: "ALTER DATABASE \(Words.name(server.database)) "
                        + "SET idle_in_transaction_session_timeout = '5min'"
                )
            )
        }
        return finding(
            limits.severity(of: oldest),
            "\(Words.count(sessions.count, "session")) idle in transaction, the oldest for "
                + Words.seconds(oldest),
            sessions,
            "an application began a transaction and does nothing: its locks stay and dead rows cannot be "
                + "cleared away",
            remedies
        )
    }

    private func running(_ sessions: [Session], _ limits: Thresholds.Pair) -> Finding? {
        guard let oldest = sessions.compactMap(\.transactionSeconds).max() else { return nil }
        return finding(
            limits.severity(of: oldest),
            "\(Words.count(sessions.count, "long transaction")), the oldest \(Words.seconds(oldest)) old",
            sessions,
            "they keep their locks, and no dead row that is younger than they can be cleared away; "
                + "a backup or an index build may take its time",
            sessions.prefix(3).map(\.remedy)
        )
    }

    private func finding(
        _ severity: Finding.Severity,
        _ seen: String,
        _ sessions: [Session],
        _ why: String,
        _ remedies: [Remedy]
    ) -> Finding {
        let left = sessions.count - Self.lineLimit
        return Finding(
            severity: severity,
            topic: .transactions,
            seen: seen,
            details: sessions.prefix(Self.lineLimit).map { "\($0.name), \($0.doing)" }
                + (left > 0 ? ["and \(left) more"] : []),
            why: why,
            remedies: remedies
        )
    }

    private func abandoned(_ prepared: [Prepared], _ limits: Thresholds.Pair) -> Finding? {
        guard let oldest = prepared.map(\.seconds).max() else { return nil }
        return Finding(
            severity: limits.severity(of: oldest),
            topic: .transactions,
            seen: "\(Words.count(prepared.count, "prepared transaction")), the oldest "
                + "\(Words.seconds(oldest)) old",
            details: prepared.prefix(Self.lineLimit).map { one in
                "\(Words.literal(one.name)) of \(one.owner ?? "?") in \(one.database ?? "?"), "
                    + Words.seconds(one.seconds)
            },
            why: "they keep their locks over restarts, and nobody is connected who would end them",
            remedies: prepared.prefix(3).map { one in
                Remedy(
                    "ask its transaction manager first; then, in \(one.database ?? "its database"), COMMIT "
                        + "PREPARED or",
                    sql: "ROLLBACK PREPARED \(Words.literal(one.name))"
                )
            }
        )
    }

    private var listing: Listing {
        let slow = sessions.filter { $0.state == "active" && ($0.querySeconds ?? 0) >= Self.slowSeconds }
            .sorted { ($0.querySeconds ?? 0) > ($1.querySeconds ?? 0) }.prefix(10)
        return Listing(
            topic: .transactions,
            title: "Statements running now",
            columns: ["pid", "application", "user", "running", "statement"],
            rows: slow.map { session in
                [
                    .pid(session.pid), .text(session.application), .text(session.user),
                    .seconds(session.querySeconds), .text(session.query?.description),
                ]
            }
        )
    }
}
