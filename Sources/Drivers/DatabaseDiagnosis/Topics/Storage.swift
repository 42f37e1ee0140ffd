/// How large things are.
struct Storage: Examination {
    static let topic = Topic.storage

    struct Database: Hashable, Sendable, Decodable {
        let name: String
        /// `nil` where it may not be measured.
        let bytes: Int?
    }

    struct Table: Hashable, Sendable, Decodable {
        let name: String
        let tableBytes: Int
        let indexBytes: Int
        let rows: Int
        /// Whether the sizes are those of the last VACUUM, since somebody has the table locked.
        let estimated: Bool
    }

    /// The largest first.
    let databases: [Database]
    let logBytes: Int?
    let tables: [Table]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let total = databases.compactMap(\.bytes).reduce(logBytes ?? 0, +)
        let log = logBytes.map { " with \(Words.bytes($0)) of write-ahead log" } ?? ""
        let hidden = databases.count { $0.bytes == nil }
        let without =
            hidden == 0 ? "" : ", without \(Words.count(hidden, "database")) that may not be measured"
        let seen = "size: \(Words.bytes(total))\(log)\(without)"
        var report = TopicReport(listings: [listing])
        if let limit = thresholds.storageLimit, limit > 0 {
            report.findings = [finding(seen, Double(total) / Double(limit), limit, thresholds)]
        } else {
            report.findings = [.ok(.storage, seen)]
            report.unseen = [
                Unseen(
                    topic: .storage,
                    reason: "PostgreSQL does not tell how full its disk is: --volume SIZE, or df there"
                )
            ]
        }
        return report
    }

    private func finding(
        _ seen: String,
        _ share: Double,
        _ limit: Int,
        _ thresholds: Thresholds
    ) -> Finding {
        let text = "\(seen): \(Words.percent(share)) of \(Words.bytes(limit))"
        let severity = thresholds.storage.severity(of: share)
        guard severity > .ok else { return .ok(.storage, text) }
        return Finding(
            severity: severity,
            topic: .storage,
            seen: text,
            details: tables.prefix(5).map { table in
                "\(table.name): \(Words.bytes(table.tableBytes)), "
                    + "indexes \(Words.bytes(table.indexBytes))"
            },
            why: "without room for its log the server stops, and comes up again only when there is some",
            remedies: [
                Remedy("enlarge the volume; never delete in pg_wal"),
                Remedy("a slot or an archive that fails keeps the log: see there"),
                Remedy("truncate or drop what nobody needs; DELETE alone gives nothing back to the disk"),
            ]
        )
    }

    private var listing: Listing {
        Listing(
            topic: .storage,
            title: "Largest tables",
            columns: ["table", "size", "indexes", "rows", "exact"],
            rows: tables.map { table in
                [
                    .text(table.name), .bytes(table.tableBytes), .bytes(table.indexBytes), .count(table.rows),
                    .text(table.estimated ? "no" : "yes"),
                ]
            }
        )
    }
}
