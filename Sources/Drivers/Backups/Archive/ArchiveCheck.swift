import DeployPorts

/// What `pg_restore` makes of a dump, without a database.
struct ArchiveCheck: Sendable {
    let path: String
    let kit: PostgresTools.Kit
    /// Surroundings of PostgreSQL's programs; no database is reached.
    let environment: [String: String]
    let end: ContinuousClock.Instant

    /// Fails unless the dump's list names `tables` tables and every byte of its data can be read.
    ///
    /// The list alone stands at the beginning of the file: it is whole in a dump that lost its second half.
    func run(tables: Int) async throws(StepFailure) {
        let listed = try await listedTables()
        guard listed == tables else {
            throw StepFailure(
                "the dump names \(listed) tables, and the database has \(tables): \(path) is not the whole of it"
            )
        }
        _ = try await lines(["--file=/dev/null", path]) { _ in false }
    }

    private func listedTables() async throws(StepFailure) -> Int {
        // 215; 1259 16385 TABLE public users postgres
        try await lines(["--list", path]) { line in
            let words = line.split(separator: " ", maxSplits: 4)
            return words.count > 3 && words[1] == "1259" && words[3] == "TABLE"
        }
    }

    /// How many lines of `pg_restore`'s answer are of the kind.
    private func lines(
        _ arguments: [String],
        where isCounted: @escaping @Sendable (String) -> Bool
    ) async throws(StepFailure) -> Int {
        let command = ChildCommand(arguments: [kit.restore] + arguments, environment: environment)
        return try await Blocking.run { stop throws(StepFailure) in
            let child = try Child.start(command)
            var count = 0
            var rest: [UInt8] = []
            let ending = child.pump(until: end, stop) { bytes in
                rest += bytes
                let pieces = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                for line in pieces.dropLast() where isCounted(String(decoding: line, as: UTF8.self)) {
                    count += 1
                }
                rest = Array(pieces.last ?? [])
                return true
            }
            guard let ending else { throw StepFailure("pg_restore was left") }
            if let objection = child.objection(to: ending, "pg_restore") {
                throw StepFailure(
                    "the dump cannot be read: \(objection.message)",
                    isTransient: objection.isTransient
                )
            }
            return count
        }
    }
}
