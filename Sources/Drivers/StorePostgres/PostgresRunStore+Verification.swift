package import DeployPorts
import JournalFormat
import SafeFile

extension PostgresRunStore {
    /// Reads every row once, in the order of writing, up to the end that the journal had at the beginning.
    ///
    /// A chain alone cannot show that all of it was written anew, or its end cut off together with the note
    /// of where it ended: compare ``ChainReport/head`` with one that was kept elsewhere.
    package func verify() async throws(RunStoreError) -> ChainReport {
        var end: (position: Int, hash: String)?
        if let row = try await ask("SELECT position, hash FROM bgdeploy.chain").first {
            end = (try row.number("position"), try row.text("hash"))
        }
        var chain = ChainCheck()
        var last = "0"
        // Without its note of the end, the journal is read as far as it goes.
        let limit = end.map { "AND e.position <= \($0.position)" } ?? ""
        while chain.breach == nil {
            let rows = try await ask(
                """
                \(Self.lines) WHERE e.position > $1::bigint \(limit)
                ORDER BY e.position LIMIT \(Self.pageSize)
                """,
                [last]
            )
            for row in rows where chain.breach == nil {
                if let link = try? ChainLink(row: row) { chain.take(link) } else { chain.takeDamaged() }
            }
            guard rows.count == Self.pageSize, let position = rows.last?.optionalText("position") else {
                break
            }
            last = position
        }
        chain.end(at: end)
        if chain.breach == nil { chain.breach = try await breachOutsideTheChain() }
        return chain.report
    }

    /// What the entries cannot show by themselves: more of them, runs without entries, changed playbooks.
    private func breachOutsideTheChain() async throws(RunStoreError) -> String? {
        let more = try await ask(
            """
            SELECT e.run, e.sequence FROM bgdeploy.events e, bgdeploy.chain c
            WHERE e.position > c.position OR e.position < 1 ORDER BY e.position LIMIT 1
            """
        )
        if let row = more.first {
            return "run \(try row.text("run")), entry \(try row.text("sequence")): it is outside of the chain"
        }
        let orphan = try await ask(
            """
            SELECT id FROM bgdeploy.runs
            WHERE position NOT IN (SELECT position FROM bgdeploy.events WHERE sequence = 1) LIMIT 1
            """
        )
        if let row = orphan.first { return "run \(try row.text("id")): its first entry is missing" }
        var last = ""
        while true {
            let documents = try await ask(
                "SELECT digest, text FROM bgdeploy.documents WHERE digest > $1 ORDER BY digest LIMIT 20",
                [last]
            )
            for row in documents {
                last = try row.text("digest")
                guard Digest.sha256(Array(try row.text("text").utf8)) == last else {
                    return "the playbook \(last): its text was changed after it was written"
                }
            }
            if documents.isEmpty { break }
        }
        let missing = try await ask(
            """
            SELECT id FROM bgdeploy.runs WHERE playbook NOT IN (SELECT digest FROM bgdeploy.documents)
            LIMIT 1
            """
        )
        return try missing.first.map { row throws(RunStoreError) in
            "run \(try row.text("id")): its playbook is missing"
        }
    }

    private func ask(_ query: String, _ values: [String] = []) async throws(RunStoreError) -> [PostgresRow] {
        try await reader.repeated(query, values)
    }
}
