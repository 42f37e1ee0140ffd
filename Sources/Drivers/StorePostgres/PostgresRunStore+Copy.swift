package import DeployCore
package import DeployPorts
package import JournalFormat

extension PostgresRunStore: JournalArchive {
    package func contents(at now: Timestamp) async throws(RunStoreError) -> JournalContents {
        try await transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") {
            session throws(RunStoreError) in
            JournalContents(
                documents: try await session.rows("SELECT digest, text FROM bgdeploy.documents").map {
                    row throws(RunStoreError) in
                    JournalContents.Document(digest: try row.text("digest"), text: try row.text("text"))
                },
                links: try await self.links(over: session),
                fences: try await self.fences(at: now, over: session),
                commands: try await session.rows(
                    "SELECT id, run, posted FROM bgdeploy.commands WHERE NOT answered ORDER BY id"
                ).map { row throws(RunStoreError) in
                    JournalContents.Waiting(
                        id: try row.number("id"),
                        run: try row.text("run"),
                        posted: try row.text("posted")
                    )
                },
                records: try await session.rows(
                    "SELECT \(Self.recordColumns) FROM bgdeploy.records"
                ).map(Self.makeRecord)
            )
        }
    }

    private func links(over session: CopySession) async throws(RunStoreError) -> [ChainLink] {
        var links: [ChainLink] = []
        while true {
            let rows = try await session.rows(
                "\(Self.lines) WHERE e.position > $1::bigint ORDER BY e.position LIMIT \(Self.pageSize)",
                ["\(links.last?.position ?? 0)"]
            )
            links += try rows.map(ChainLink.init(row:))
            guard rows.count == Self.pageSize else { return links }
        }
    }

    /// Throws `.held` when somebody holds one.
    private func fences(
        at now: Timestamp,
        over session: CopySession
    ) async throws(RunStoreError) -> [JournalContents.Fence] {
        let rows = try await session.rows(
            "SELECT service, fence, holder, expires, \(Self.time("$1")) AS now FROM bgdeploy.leases",
            [callersTime(now)]
        )
        return try rows.map { row throws(RunStoreError) in
            let service = try row.text("service")
            let lease = try LeaseRow(row)
            if let held = try lease.lease(on: service), lease.now < lease.expires,
                isAlive(held.holder) != false
            {
                throw .held(held)
            }
            return JournalContents.Fence(service: service, fence: lease.fence)
        }
    }

    // MARK: filling

    package func fill(with contents: JournalContents) async throws(RunStoreError) {
        try await transaction("BEGIN") { session throws(RunStoreError) in
            try await self.refuseUnlessEmpty(session)
            try await session.insert(contents.documents, "documents", "digest text, text text")
            let links = contents.links
            try await session.insert(
                links.map(EventRow.init),
                "events",
                """
                position bigint, run text, sequence bigint, at bigint, fence bigint, event text,
                effects text, previous text, hash text
                """
            )
            let counts = links.reduce(into: [String: Int]()) { $0[$1.line.run] = $1.line.sequence }
            try await session.insert(
                links.compactMap { RunRow($0, last: counts[$0.line.run] ?? 1) },
                "runs",
                """
                position bigint, id text, service text, version text, started_at bigint, playbook text,
                last bigint
                """
            )
            if let end = links.last {
                _ = try await session.rows(
                    "UPDATE bgdeploy.chain SET position = $1::bigint, hash = $2",
                    ["\(end.position)", end.hash]
                )
            }
            try await session.insert(
                contents.fences.map(FenceRow.init),
                "leases",
                "service text, fence bigint, expires bigint"
            )
            try await session.insert(contents.commands, "commands", "id bigint, run text, posted text")
            try await session.insert(
                contents.records.map(RecordRow.init),
                "records",
                "kind text, key text, value text, due bigint, revision bigint"
            )
            try await self.moveCounters(contents, session)
        }
    }

    private func refuseUnlessEmpty(_ session: CopySession) async throws(RunStoreError) {
        // Waits for who writes now, and keeps all others out until the end.
        try await session.run(
            "LOCK TABLE bgdeploy.chain, bgdeploy.leases, bgdeploy.records IN EXCLUSIVE MODE",
            commits: false
        )
        for table in ["events", "documents", "leases", "commands", "records"] {
            guard try await session.rows("SELECT 1 FROM bgdeploy.\(table) LIMIT 1").isEmpty else {
                throw .unavailable(
                    "\(place) is not empty (it has \(table)): give a new database; nothing was copied"
                )
            }
        }
    }

    private func moveCounters(
        _ contents: JournalContents,
        _ session: CopySession
    ) async throws(RunStoreError) {
        for (sequence, last) in [
            ("bgdeploy.revisions", contents.records.map(\.revision).max()),
            ("bgdeploy.commands_id_seq", contents.commands.map(\.id).max()),
        ] {
            guard let last else { continue }
            _ = try await session.rows("SELECT setval('\(sequence)', $1::bigint)", ["\(last)"])
        }
    }

    /// The result of `body` between `begin` and COMMIT; on an error nothing is in force.
    private func transaction<Value>(
        _ begin: String,
        _ body: (CopySession) async throws(RunStoreError) -> Value
    ) async throws(RunStoreError) -> Value {
        let session = try await CopySession(address)
        // The connection's end is the transaction's.
        defer { session.close() }
        try await session.run(begin, commits: false)
        let value = try await body(session)
        try await session.run("COMMIT", commits: true)
        return value
    }
}
