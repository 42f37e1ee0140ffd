import DatabaseDiagnosis
import PostgresClient
import ServiceLab
import Testing

/// Servers that have another beside them.
@Suite struct LiveReplicaTests {
    private func copy(
        of original: PostgresAccess,
        follows: Bool,
        settings: [String] = [],
        _ body: (Ward) async throws -> Void
    ) async throws {
        let copy = try await onThread { try ServerCopy(of: original, follows: follows, settings: settings) }
        defer { copy.stop() }
        try await body(Ward(url: copy.url))
    }

    @Test func `a replica's lag is seen from both sides, and a slot that nobody reads`() async throws {
        try await Ward.with { primary, access in
            try await copy(of: access, follows: true) { replica in
                let level = try await replica.diagnosis { diagnosis in
                    diagnosis.findings.contains {
                        $0.seen == "this replica is level with what it received (streaming)"
                    }
                }
                #expect(level.troubles(.replication) == [])
                #expect(level.unseen.map(\.topic) == [.storage, .vacuum, .statements], "\(level.unseen)")
                #expect(level.server.isReplica)

                try await replica.run("SELECT pg_wal_replay_pause()")
                try await primary.run(
                    "CREATE TABLE t AS SELECT generate_series(1, 10000)",
                    "SELECT pg_create_physical_replication_slot('gone', true)"
                )
                var thresholds = Thresholds()
                thresholds.replicaLagBytes = Thresholds.Pair(warn: 10_000, bad: 1e12)
                let behind = try await primary.diagnosis(thresholds) { $0.troubles(.replication).count == 2 }
                let findings = behind.troubles(.replication)
                try #require(findings.count == 2, "\(findings)")
                #expect(findings[0].seen.hasPrefix("replica walreceiver at local is "))
                #expect(findings[1].seen.hasPrefix("slot gone (physical, not in use) keeps "))
                #expect(behind.listings.first { $0.title == "Replicas" }?.rows.count == 1)
                try await primary.run(try #require(findings[1].remedies.last?.sql))

                let paused = try await replica.diagnosis { !$0.troubles(.replication).isEmpty }
                let own = try #require(paused.troubles(.replication).first)
                #expect(own.seen.hasSuffix(" behind (streaming, replay is paused)"))
                try await replica.run(try #require(own.remedies.first?.sql))
                #expect(
                    try await replica.diagnosis { $0.troubles(.replication).isEmpty }.troubles(.replication)
                        == []
                )
            }
        }
    }

    @Test func `a primary that waits for a replica that is not there, a replica without its primary`()
        async throws
    {
        try await Ward.with { primary, access in
            let lonely = ["primary_conninfo=host=/nowhere"]
            try await copy(of: access, follows: true, settings: lonely) { replica in
                let alone = try await replica.diagnosis { !$0.troubles(.replication).isEmpty }
                let finding = try #require(alone.troubles(.replication).first)
                #expect(finding.severity == .bad)
                #expect(finding.seen.hasSuffix("(receives nothing)"))
            }
            try await primary.run(
                "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
                "SELECT pg_reload_conf()"
            )
            let waiting = try await primary.diagnosis { !$0.troubles(.replication).isEmpty }
            let finding = try #require(waiting.troubles(.replication).first)
            #expect(finding.severity == .bad)
            #expect(finding.seen == "synchronous_standby_names is 'nobody', and no such replica is here")
        }
    }

    @Test func `prepared transactions, and the statements that took the most time`() async throws {
        try await Ward.with { _, access in
            let settings = ["shared_preload_libraries=pg_stat_statements", "max_prepared_transactions=5"]
            try await copy(of: access, follows: false, settings: settings) { ward in
                try await ward.run(
                    "CREATE SCHEMA \"My tools\"",
                    "CREATE EXTENSION pg_stat_statements SCHEMA \"My tools\"",
                    "CREATE TABLE t AS SELECT 1 AS id",
                    "BEGIN; UPDATE t SET id = 2; PREPARE TRANSACTION 'it''s'",
                    "SELECT pg_sleep(0.5)"
                )
                let writer = try await ward.session("writer")
                async let written: Void = writer.run("UPDATE t SET id = 3", commits: true)
                var thresholds = Thresholds()
                thresholds.transaction = Thresholds.Pair(warn: 0.001, bad: 900)
                let diagnosis = try await ward.diagnosis(thresholds) { !$0.troubles(.blockers).isEmpty }
                let prepared = diagnosis.troubles(.transactions).first {
                    $0.seen.hasPrefix("1 prepared transaction")
                }
                #expect(prepared?.details.first?.hasPrefix("'it''s' of postgres in postgres, ") == true)
                let blocker = try #require(diagnosis.troubles(.blockers).first)
                #expect(blocker.details.first == "a prepared transaction (it's)")
                let sql = try #require(blocker.remedies.first?.sql)
                #expect(sql == prepared?.remedies.first?.sql)
                try await ward.run(sql)
                try await written
                let list = diagnosis.listings.first { $0.topic == .statements }
                #expect(list?.rows.first?.last == .text("SELECT pg_sleep($1)"))
                #expect(diagnosis.unseen.map(\.topic) == [.storage])
                #expect(
                    list?.rows.contains { String(describing: $0.last).contains("bgdeploy-diagnosis") }
                        == false
                )
                let begun = try await writer.query(
                    "SELECT calls FROM \"My tools\".pg_stat_statements WHERE query = 'BEGIN READ ONLY'",
                    within: Ward.patience
                )
                #expect(begun.first?.first?.value.flatMap { Int($0) }.map { $0 >= 12 } == true, "\(begun)")
            }
        }
    }
}
