/// Numbers that run out.
struct Sequences: Examination {
    static let topic = Topic.sequences
    private static let lineLimit = 5

    struct Sequence: Hashable, Sendable, Decodable {
        let name: String
        /// Whose column takes its numbers.
        let table: String?
        let column: String?
        let type: String?
        let last: Int
        /// The sequence's own last value, or the largest that its column holds.
        let maximum: Int

        var share: Double { maximum > 0 ? Double(last) / Double(maximum) : 0 }
    }

    /// The twenty nearest to their end.
    let sequences: [Sequence]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let near = sequences.filter { thresholds.sequence.severity(of: $0.share) > .ok }
            .sorted { $0.share > $1.share }
        guard let worst = near.first else {
            let most = sequences.max { $0.share < $1.share }
            let words =
                most.map { "\($0.name) has used the most, \(Words.percent($0.share))" } ?? "none in use"
            return TopicReport(findings: [.ok(.sequences, "sequences: \(words)")])
        }
        let finding = Finding(
            severity: thresholds.sequence.severity(of: worst.share),
            topic: .sequences,
            seen: "\(Words.count(near.count, "sequence")) near the end",
            details: near.prefix(Self.lineLimit).map(Self.words),
            why: "after the last number every insert fails",
            remedies: near.prefix(3).flatMap(Self.remedies)
        )
        return TopicReport(findings: [finding])
    }

    private static func words(_ one: Sequence) -> String {
        let owner = one.table.flatMap { table in one.column.map { " of \(table).\($0)" } } ?? ""
        return "\(one.name)\(owner)\(one.type.map { " (\($0))" } ?? ""): \(Words.count(one.last)) of "
            + "\(Words.count(one.maximum)), \(Words.percent(one.share))"
    }

    private static func remedies(_ one: Sequence) -> [Remedy] {
        let own = Remedy(
            "give the sequence more",
            sql: "ALTER SEQUENCE \(one.name) AS bigint MAXVALUE \(Int.max)"
        )
        guard let table = one.table, let column = one.column, one.type != "bigint" else { return [own] }
        return [
            Remedy("give the column more: add a bigint beside it, fill it in parts, then take it instead"),
            Remedy(
                "or at once, but nobody can use the table while it is rewritten",
                sql: "ALTER TABLE \(table) ALTER COLUMN \(column) TYPE bigint"
            ),
            own,
        ]
    }
}
