import DatabaseDiagnosis
import PostgresClient
import ServiceLab
import Testing

/// A real PostgreSQL in each kind of trouble.
@Suite struct LiveDatabaseTests {
    @Test func `a server in order has nothing bad, and every question is answered`() async throws {
        try await Ward.with { ward, _ in
            let diagnosis = try await ward.diagnosis { _ in true }
            #expect(diagnosis.severity == .ok, "\(diagnosis.findings)")
            #expect(diagnosis.unseen.map(\.topic) == [.storage, .statements], "\(diagnosis.unseen)")
            #expect(Set(diagnosis.findings.map(\.topic)).count == 10)
        }
    }

    @Test func `a blocker with two behind it is a tree, and the statement that is given ends it`()
        async throws
    {
        try await Ward.with { ward, _ in
            try await ward.run("CREATE TABLE orders AS SELECT generate_series(1, 3) AS id")
            let web = try await ward.session("web")
            try await web.run("BEGIN; UPDATE orders SET id = 9 WHERE id = 1", commits: false)
            let migration = try await ward.session("migration")
            async let altered: Void = migration.run("ALTER TABLE orders ADD note text", commits: true)
            _ = try await ward.diagnosis { $0.troubles(.blockers).first?.details.count == 2 }
            let reader = try await ward.session("reader")
            async let read: Void = reader.run("SELECT * FROM orders", commits: false)
            let diagnosis = try await ward.diagnosis { $0.troubles(.blockers).first?.details.count == 3 }
            let finding = try #require(diagnosis.troubles(.blockers).first)
            #expect(finding.seen.hasPrefix("2 sessions waiting for a lock, the longest for "))
            let (root, table) = ("pid \(web.backendPID) (web, postgres@local)", "on orders, active")
            #expect(finding.details[0].hasPrefix("\(root), idle in transaction for "))
            #expect(finding.details[0].hasSuffix(": BEGIN; UPDATE orders SET id = 9 WHERE id = 1"))
            #expect(finding.details[1].hasPrefix("   └ pid \(migration.backendPID) (migration, "))
            #expect(finding.details[1].contains("AccessExclusiveLock \(table)"))
            #expect(finding.details[2].hasPrefix("      └ pid \(reader.backendPID) (reader, "))
            #expect(finding.details[2].contains("AccessShareLock \(table)"))
            let sql = try #require(finding.remedies.first?.sql)
            #expect(sql == "SELECT pg_terminate_backend(\(web.backendPID))")
            try await ward.run(sql)
            try await altered
            try await read
            #expect(try await ward.diagnosis { $0.troubles(.blockers).isEmpty }.troubles(.blockers) == [])
        }
    }

    @Test func `what was left open and what runs for long is told apart, without passwords`() async throws {
        try await Ward.with { ward, _ in
            let web = try await ward.session("web")
            try await web.run("BEGIN; CREATE ROLE r PASSWORD 'hunter2'", commits: false)
            let report = try await ward.session("report")
            async let slept: Void = report.run("SELECT pg_sleep(600)", commits: false)
            var thresholds = Thresholds()
            thresholds.transaction = Thresholds.Pair(warn: 1.5, bad: 900)
            let diagnosis = try await ward.diagnosis(thresholds) { $0.troubles(.transactions).count == 2 }
            let findings = diagnosis.troubles(.transactions)
            try #require(findings.count == 2)
            #expect(findings[0].seen.hasPrefix("1 session idle in transaction, the oldest for "))
            #expect(findings[0].details.first?.hasSuffix("PASSWORD …") == true, "\(findings[0].details)")
            #expect(findings[0].remedies.first?.sql == "SELECT pg_terminate_backend(\(web.backendPID))")
            #expect(findings[1].seen.hasPrefix("1 long transaction, the oldest "))
            let cancel = try #require(findings[1].remedies.first?.sql)
            #expect(cancel == "SELECT pg_cancel_backend(\(report.backendPID))")
            #expect(!"\(diagnosis)".contains("hunter2"))
            let running = diagnosis.listings.first { $0.title == "Statements running now" }
            #expect(running?.rows.first?.first == .pid(report.backendPID))
            try await ward.run(cancel)
            do {
                try await slept
                Issue.record("the statement was not cancelled")
            } catch PostgresError.refused(let problem) {
                #expect(problem.state == "57014")
            }
        }
    }

    @Test func `nearly all connections in use, and all of them`() async throws {
        try await Ward.with { ward, access in
            let guarded = access.url(user: "guarded", password: PostgresServer.password)
            var pool: [PostgresSession] = []
            for _ in 0..<35 { pool.append(try await ward.session("pool", guarded)) }
            let seen = "connections: 36 of 40 (3 reserved): 35 idle, 1 active"
            let diagnosis = try await ward.diagnosis { $0.troubles(.connections).first?.seen == seen }
            let finding = try #require(diagnosis.troubles(.connections).first)
            #expect(finding.severity == .bad && finding.seen == seen)
            #expect(
                finding.details.first
                    == "35 of pool guarded@local: 0 active, 35 idle, 0 idle in transaction"
            )
            try await ward.run(try #require(finding.remedies.last?.sql))
            let text = try await refusal(ward, guarded, &pool)
            #expect(text.contains("All connections are taken") && !text.contains(PostgresServer.password))
            // A superuser still gets in.
            #expect(try await ward.diagnosis { _ in true }.severity == .bad)
        }
    }

    /// Takes all connections until a diagnosis gets none: one that was just left may be free only now.
    private func refusal(_ ward: Ward, _ url: String, _ pool: inout [PostgresSession]) async throws -> String
    {
        let end = ContinuousClock.now + Ward.patience
        while ContinuousClock.now < end {
            while let more = try? await ward.session("pool", url) { pool.append(more) }
            do throws(DiagnosisError) {
                _ = try await Diagnostician(url: url, limit: Ward.patience).diagnose()
            } catch {
                if case .unreachable(let text) = error { return text }
            }
        }
        return "there was always a connection left"
    }

    @Test func `an invalid index, dead rows, a table never analysed and a sequence near its end`()
        async throws
    {
        try await Ward.with { ward, _ in
            try await ward.run(
                "CREATE TABLE pairs (id int) WITH (autovacuum_enabled = false)",
                "INSERT INTO pairs SELECT g / 2 FROM generate_series(1, 30000) g",
                "DELETE FROM pairs WHERE id < 9000",
                "CREATE INDEX idle ON pairs (id)",
                "CREATE SEQUENCE numbers OWNED BY pairs.id",
                "SELECT setval('numbers', 2000000000)"
            )
            await #expect(throws: PostgresError.self) {
                try await ward.run("CREATE UNIQUE INDEX CONCURRENTLY once ON pairs (id)")
            }
            var thresholds = Thresholds()
            thresholds.unusedIndexBytes = 1
            let diagnosis = try await ward.diagnosis(thresholds) { $0.troubles(.vacuum).count == 2 }
            let indexes = diagnosis.troubles(.indexes)
            try #require(indexes.count == 2, "\(indexes)")
            #expect(indexes[0].details == ["public.once on pairs, unique: not enforced for old rows"])
            #expect(indexes[0].remedies.first?.sql == "REINDEX INDEX CONCURRENTLY public.once")
            #expect(indexes[1].remedies.first?.sql == "DROP INDEX CONCURRENTLY public.idle")
            let sequence = try #require(diagnosis.troubles(.sequences).first)
            #expect(sequence.severity == .bad)
            let share = "2,000,000,000 of 2,147,483,647, 93 %"
            #expect(sequence.details == ["public.numbers of pairs.id (integer): \(share)"])
            let vacuum = diagnosis.troubles(.vacuum)
            try #require(vacuum.count == 2, "\(vacuum)")
            let dead = "public.pairs: 17,999 dead, 59 % of its rows, about "
            #expect(vacuum[0].details.first?.hasPrefix(dead) == true, "\(vacuum[0].details)")
            #expect(vacuum[0].details.first?.hasSuffix("; never vacuumed, autovacuum off for it") == true)
            #expect(vacuum[1].remedies.first?.sql == "ANALYZE public.pairs")
            try await ward.run("DROP INDEX CONCURRENTLY public.once")
            for finding in [indexes[1]] + vacuum + [sequence] {
                try await ward.run(try #require(finding.remedies.compactMap(\.sql).first))
            }
            let after = try await ward.diagnosis(thresholds) { $0.troubles(.vacuum).isEmpty }
            #expect(after.troubles(.vacuum) == [] && after.troubles(.indexes) == [])
            #expect(after.troubles(.sequences) == [])
        }
    }

    @Test func `a table that somebody has locked is not waited for`() async throws {
        try await Ward.with { ward, _ in
            try await ward.run(
                "CREATE TABLE large AS SELECT g AS id, repeat('x', 200) AS t FROM generate_series(1, 20000) g",
                "CREATE SEQUENCE held; SELECT nextval('held')",
                "VACUUM large"
            )
            let holder = try await ward.session("holder")
            try await holder.run(
                "BEGIN; LOCK TABLE large; ALTER SEQUENCE held INCREMENT BY 2",
                commits: false
            )
            let diagnosis = try await ward.diagnosis { _ in true }
            #expect(diagnosis.unseen.map(\.topic) == [.storage, .statements], "\(diagnosis.unseen)")
            let row = diagnosis.listings.first { $0.topic == .storage }?.rows.first
            #expect(row?.first == .text("public.large") && row?.last == .text("no"))
        }
    }

    @Test func `a user without privileges sees what he may, and is told what would help`() async throws {
        try await Ward.with { ward, access in
            let web = try await ward.session("web")
            try await web.run("BEGIN; SELECT 1", commits: false)
            let url = access.url(user: "guarded", password: PostgresServer.password)
            let seen = "2 of 40 (3 reserved): 1 active, 1 hidden"
            let diagnosis = try await Ward(url: url).diagnosis { diagnosis in
                diagnosis.findings.contains { $0.seen.contains(seen) }
            }
            #expect(diagnosis.findings.contains { $0.seen.contains(seen) })
            #expect(diagnosis.unseen.map(\.topic) == [.server, .storage, .statements], "\(diagnosis.unseen)")
            #expect(diagnosis.unseen.first?.reason.hasSuffix("GRANT pg_monitor TO \"guarded\"") == true)
            #expect(!"\(diagnosis)".contains(PostgresServer.password))
        }
    }
}
