internal import PostgresClient

/// Where the time goes, by `pg_stat_statements`.
struct Statements: Examination {
    static let topic = Topic.statements

    struct Statement: Hashable, Sendable, Decodable {
        let query: QueryText
        let calls: Int
        /// Of all calls.
        let seconds: Double
        let rows: Int
        /// Of the time of all statements.
        let share: Double
        /// Blocks found in shared_buffers; `nil` when it needed none.
        let hitShare: Double?
    }

    /// The ten that took the longest in all.
    let statements: [Statement]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let listing = Listing(
            topic: .statements,
            title: "Statements that took the most time",
            columns: ["share", "in all", "calls", "each", "rows", "cache hit", "statement"],
            rows: statements.map { one in
                [
                    .share(one.share), .seconds(one.seconds), .count(one.calls),
                    .seconds(one.calls > 0 ? one.seconds / Double(one.calls) : nil), .count(one.rows),
                    one.hitShare.map { .share($0) } ?? .none, .text(one.query.description),
                ]
            }
        )
        return TopicReport(listings: [listing])
    }
}
