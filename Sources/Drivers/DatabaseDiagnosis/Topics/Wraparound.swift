/// How near the transaction numbers are to their end.
struct Wraparound: Examination {
    static let topic = Topic.wraparound
    /// There the server takes no more writing transactions: 2^31 less three million.
    static let end = 2_144_483_648.0

    struct Database: Hashable, Sendable, Decodable {
        let name: String
        let transactions: Int
        let multixacts: Int

        var age: Int { max(transactions, multixacts) }
    }

    struct Table: Hashable, Sendable, Decodable {
        let name: String
        let age: Int
    }

    /// The oldest five.
    let databases: [Database]
    /// The oldest three of this database.
    let tables: [Table]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        guard let oldest = databases.max(by: { $0.age < $1.age }) else { return TopicReport() }
        let share = Double(oldest.age) / Self.end
        let kind = oldest.multixacts > oldest.transactions ? "multixacts" : "transactions"
        let seen =
            "wraparound: \(oldest.name) is \(Words.count(oldest.age)) \(kind) old, "
            + "\(Words.percent(share)) of the way to the end"
        let severity = thresholds.wraparound.severity(of: share)
        guard severity > .ok else { return TopicReport(findings: [.ok(.wraparound, seen)]) }
        let finding = Finding(
            severity: severity,
            topic: .wraparound,
            seen: seen,
            details: tables.map { "\($0.name): \(Words.count($0.age))" },
            why: "at the end the server refuses every transaction that writes, until it has been vacuumed",
            remedies: [
                Remedy("first end what holds old rows: long and prepared transactions, slots (see there)"),
                Remedy("then, connected to \(oldest.name), freeze the oldest tables"),
            ] + tables.map { Remedy($0.name, sql: "VACUUM (FREEZE, VERBOSE) \($0.name)") }
        )
        return TopicReport(findings: [finding])
    }
}
