/// Indexes that do not work, and those that nobody uses.
struct Indexes: Examination {
    static let topic = Topic.indexes
    /// Without use for less is no sign: a report may run once a week.
    private static let countedLongEnough = 7.0 * 86_400
    private static let lineLimit = 8

    struct Index: Hashable, Sendable, Decodable {
        let name: String
        let table: String
        let unique: Bool
        let bytes: Int
    }

    let invalid: [Index]
    /// Never scanned, neither unique nor of a constraint, the largest first.
    let unused: [Index]
    /// Since scans are counted; `nil` when the counters were never reset.
    let countedSeconds: Double?

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        var findings: [Finding] = []
        if !invalid.isEmpty { findings.append(notValid) }
        let large = unused.filter { $0.bytes >= thresholds.unusedIndexBytes }
        if !large.isEmpty, !server.isReplica, countedSeconds.map({ $0 >= Self.countedLongEnough }) ?? true {
            findings.append(notUsed(large))
        }
        if findings.isEmpty { findings = [.ok(.indexes, "indexes: all valid, no large one without use")] }
        return TopicReport(findings: findings)
    }

    private var notValid: Finding {
        Finding(
            severity: .warn,
            topic: .indexes,
            seen: Words.count(invalid.count, "invalid index", "invalid indexes"),
            details: invalid.prefix(Self.lineLimit).map { index in
                "\(index.name) on \(index.table)\(index.unique ? ", unique: not enforced for old rows" : "")"
            },
            why:
                "what a failed CREATE INDEX CONCURRENTLY left: no query uses it, and every write pays for it",
            remedies: invalid.prefix(3).map { index in
                let isLeftover = index.name.contains("_ccnew") || index.name.contains("_ccold")
                return isLeftover
                    ? Remedy(
                        "left by a rebuild, if nobody is at it now",
                        sql: "DROP INDEX CONCURRENTLY \(index.name)"
                    )
                    : Remedy(
                        "build it again, if nobody is at it now"
                            + (index.unique ? "; duplicates must go first" : ""),
                        sql: "REINDEX INDEX CONCURRENTLY \(index.name)"
                    )
            }
        )
    }

    private func notUsed(_ indexes: [Index]) -> Finding {
        let time = countedSeconds.map { "for \(Words.seconds($0))" } ?? "since the server counts"
        return Finding(
            severity: .warn,
            topic: .indexes,
            seen: "\(Words.count(indexes.count, "large index", "large indexes")) without use \(time), "
                + Words.bytes(indexes.reduce(0) { $0 + $1.bytes }),
            details: indexes.prefix(Self.lineLimit).map {
                "\($0.name) on \($0.table): \(Words.bytes($0.bytes))"
            },
            why: "every write to the table pays for them; a replica may use them, and counts for itself",
            remedies: indexes.prefix(3).map {
                Remedy("after a look at the replicas", sql: "DROP INDEX CONCURRENTLY \($0.name)")
            }
        )
    }
}
