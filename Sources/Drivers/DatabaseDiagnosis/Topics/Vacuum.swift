/// Dead rows, and tables that the planner knows nothing of.
struct Vacuum: Examination {
    static let topic = Topic.vacuum

    struct Table: Hashable, Sendable, Decodable {
        let name: String
        let live: Int
        let dead: Int
        let bytes: Int
        /// Since the last VACUUM, by hand or by itself; `nil` for never.
        let vacuumedSeconds: Double?
        let analyzedSeconds: Double?
        /// Whether autovacuum is switched off for it.
        let off: Bool

        var deadShare: Double { live + dead == 0 ? 0 : Double(dead) / Double(live + dead) }
        /// An estimate: what is dead needs as much room as what lives.
        var deadBytes: Int { Int(Double(bytes) * deadShare) }
    }

    /// The ten with the most dead rows.
    let tables: [Table]
    /// Names of large ones that were never analysed.
    let unknown: [String]
    let autovacuum: Bool
    let counting: Bool

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        var findings: [Finding] = []
        if !autovacuum || !counting { findings.append(isOff) }
        if let finding = deadRows(thresholds) { findings.append(finding) }
        if !unknown.isEmpty { findings.append(unanalysed) }
        if findings.isEmpty {
            let most = tables.first.map { "\(Words.count($0.dead)) dead rows in \($0.name) at most" }
            findings = [.ok(.vacuum, "vacuum: \(most ?? "no dead rows")")]
        }
        return TopicReport(findings: findings, listings: [listing])
    }

    private var isOff: Finding {
        let name = autovacuum ? "track_counts" : "autovacuum"
        return Finding(
            severity: .bad,
            topic: .vacuum,
            seen: "\(name) is off on the whole server",
            why:
                "dead rows are never cleared away; tables grow, and one day the server takes no writes",
            remedies: [
                Remedy("switch it on", sql: "ALTER SYSTEM SET \(name) = on"),
                Remedy("and put it into force", sql: "SELECT pg_reload_conf()"),
            ]
        )
    }

    private func deadRows(_ thresholds: Thresholds) -> Finding? {
        func severity(_ table: Table) -> Finding.Severity {
            guard table.dead >= thresholds.deadRowsAtLeast else { return .ok }
            let severity = thresholds.deadRows.severity(of: table.deadShare)
            return table.dead >= 10 * thresholds.deadRowsAtLeast ? severity : min(severity, .warn)
        }
        let bloated = tables.filter { severity($0) > .ok }
        guard let worst = bloated.map(severity).max() else { return nil }
        return Finding(
            severity: worst,
            topic: .vacuum,
            seen: "\(Words.count(bloated.count, "table")) with many dead rows, about "
                + "\(Words.bytes(bloated.reduce(0) { $0 + $1.deadBytes })) in all",
            details: bloated.prefix(5).map(Self.words),
            why:
                "every scan reads them, too; they stay while an older transaction or a slot may "
                + "need them",
            remedies: [Remedy("end what holds them first (see transactions and slots)")]
                + bloated.prefix(3).map { table in
                    Remedy(
                        table.off
                            ? "vacuum it; autovacuum is off for it" : "vacuum it; it blocks nobody",
                        sql: "VACUUM (ANALYZE, VERBOSE) \(table.name)"
                    )
                }
        )
    }

    private static func words(_ table: Table) -> String {
        let when = table.vacuumedSeconds.map { "vacuumed \(Words.seconds($0)) ago" } ?? "never vacuumed"
        return
            "\(table.name): \(Words.count(table.dead)) dead, \(Words.percent(table.deadShare)) of its rows, "
            + "about \(Words.bytes(table.deadBytes)); \(when)\(table.off ? ", autovacuum off for it" : "")"
    }

    private var unanalysed: Finding {
        Finding(
            severity: .warn,
            topic: .vacuum,
            seen: "\(Words.count(unknown.count, "large table")) never analysed: "
                + unknown.prefix(5).joined(separator: ", "),
            why:
                "after a restore or a large load the planner guesses: it may read a whole table for a row",
            remedies: unknown.prefix(3).map { Remedy("it blocks nobody", sql: "ANALYZE \($0)") }
        )
    }

    private var listing: Listing {
        Listing(
            topic: .vacuum,
            title: "Most dead rows",
            columns: ["table", "dead", "share", "size", "vacuumed", "analysed"],
            rows: tables.map { table in
                [
                    .text(table.name), .count(table.dead), .share(table.deadShare), .bytes(table.bytes),
                    .seconds(table.vacuumedSeconds), .seconds(table.analyzedSeconds),
                ]
            }
        )
    }
}
