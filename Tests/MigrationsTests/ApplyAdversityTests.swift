import DeployCore
import DeployPorts
import PostgresClient
import ServiceLab
import Testing

@testable import Migrations

/// Lost connections, locks, and others who migrate at the same time.
@Suite(.realPostgres) struct ApplyAdversityTests {
    private static let slow = [
        "1.sql": "CREATE TABLE a (i int); SELECT pg_sleep(1000), 'slow'; INSERT INTO a VALUES (1)"
    ]
    private static let atWork = """
        SELECT count(*) = 1 FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%pg_sleep%slow%' AND pid <> pg_backend_pid()
            AND state = 'active'
        """

    @Test func `a connection that is cut in the middle leaves nothing, and the next try does it all`()
        async throws
    {
        try await ApplyLab.run(Self.slow) { lab in
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask { await lab.failedUp() }
                try await lab.wait(until: Self.atWork)
                try await lab.terminate("%pg_sleep%slow%")
                let failure = try #require(try await group.next() ?? nil)
                #expect(failure.message.contains("the connection ended: terminating connection"))
                #expect(failure.message.contains("nothing of the file is in force"))
                #expect(failure.isTransient)
            }
            #expect(try await lab.value("SELECT to_regclass('a') IS NULL") == "t")
            try lab.write("CREATE TABLE a (i int); INSERT INTO a VALUES (1)", "1.sql")
            try await lab.up()
            #expect(try await lab.value("SELECT count(*) FROM a") == "1")
        }
    }

    @Test func `a run that is cancelled leaves nothing running on the server`() async throws {
        try await ApplyLab.run(Self.slow) { lab in
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask { await lab.failedUp() }
                try await lab.wait(until: Self.atWork)
                group.cancelAll()
                let failure = try #require(try await group.next() ?? nil)
                #expect(failure.message.contains("stopped"))
                #expect(failure.message.contains("nothing of the file is in force"))
            }
            try await lab.wait(until: Self.atWork.replacing("= 1", with: "= 0"))
            #expect(try await lab.value("SELECT to_regclass('a') IS NULL") == "t")
        }
    }

    @Test func `a lost answer to COMMIT is asked of the database, and nothing is applied twice`() async throws
    {
        let files = [
            "1.sql": "CREATE TABLE a (i int); INSERT INTO a VALUES (1)", "2.sql": "INSERT INTO a VALUES (2)",
        ]
        try await ApplyLab.run(files) { lab in
            try await PostgresProxy.run(to: lab.server.folder, losing: .answer(to: "COMMIT")) { proxy in
                try await lab.up(url: lab.url(host: proxy))
            }
            #expect(lab.told.contains("1.sql: the answer to COMMIT was lost"))
            #expect(try await lab.value("SELECT string_agg(i::text, ',' ORDER BY i) FROM a") == "1,2")
            #expect(try await lab.history() == "1.sql applied, 2.sql applied")
        }
    }

    @Test func `a COMMIT that did not arrive is known to have done nothing`() async throws {
        try await ApplyLab.run(["1.sql": "CREATE TABLE a (i int)"]) { lab in
            try await PostgresProxy.run(to: lab.server.folder, losing: .statement("COMMIT")) { proxy in
                let failure = try #require(
                    await failed { () throws(StepFailure) in try await lab.up(url: lab.url(host: proxy)) }
                )
                #expect(failure.message.contains("nothing of the file is in force"))
                #expect(failure.isTransient)
            }
            #expect(try await lab.value("SELECT to_regclass('a') IS NULL") == "t")
            try await lab.up()
            #expect(try await lab.history() == "1.sql applied")
        }
    }

    // MARK: locks

    private static let column = ["2.sql": "ALTER TABLE t ADD COLUMN b int"]

    /// Runs `body` while a transaction holds `t` against an ALTER.
    private func holding(_ lab: ApplyLab, _ body: (PostgresSession) async throws -> Void) async throws {
        try await lab.sql("CREATE TABLE t (a int)")
        let holder = try await lab.open("long report")
        defer { holder.close() }
        try await holder.run("BEGIN; SELECT * FROM t", commits: false, within: ApplyLab.generous)
        try await body(holder)
    }

    @Test func `it gives a lock up before users queue behind it, and says who had it`() async throws {
        try await ApplyLab.run(Self.column) { lab in
            try await holding(lab) { holder in
                let limits = MigrationLimits(lock: .milliseconds(600), lockAttempts: 3)
                let failure = try #require(
                    await failed { () throws(StepFailure) in _ = try await lab.step(limits) }
                )
                #expect(failure.message.contains("SQLSTATE 55P03"))
                #expect(failure.message.contains("tried 3 times, for 600ms each time"))
                #expect(failure.message.contains("waiting for pid \(holder.backendPID) "))
                #expect(failure.isTransient)
                #expect(lab.journal.contains("\"long report\", idle in transaction"))
                #expect(lab.told.contains("attempt 3 of 3"))
                // A user's own wait for it ends at once: nobody is in front any more.
                #expect(try await lab.value("SELECT count(*) FROM t") == "0")
                #expect(try await lab.history() == nil)
            }
        }
    }

    @Test func `it gets the lock when the other one ends, by itself`() async throws {
        try await ApplyLab.run(Self.column) { lab in
            try await holding(lab) { holder in
                try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                    let limits = MigrationLimits(lock: .milliseconds(200), lockAttempts: 1000)
                    group.addTask {
                        await failed { () throws(StepFailure) in _ = try await lab.step(limits) }
                    }
                    try await lab.waitUntilTold("attempt 2 of 1000")
                    try await holder.run("COMMIT", commits: true, within: ApplyLab.generous)
                    let end = try await group.next() ?? nil
                    #expect(end == nil)
                }
                #expect(try await lab.history() == "2.sql applied")
            }
        }
    }

    @Test func `a statement that keeps users waiting is ended, and who waited is told`() async throws {
        let text = "LOCK TABLE t; SELECT pg_sleep(1000), 'slow'"
        try await ApplyLab.run(["1.sql": "CREATE TABLE t (a int)"]) { lab in
            try await lab.up()
            try lab.write("\(text)", "2.sql")
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask {
                    await failed { () throws(StepFailure) in
                        _ = try await lab.step(MigrationLimits(lock: .milliseconds(300)))
                    }
                }
                try await lab.wait(until: Self.atWork)
                // A user: goes through when the migration has given up.
                #expect(try await lab.value("SELECT count(*) FROM t") == "0")
                let failure = try #require(try await group.next() ?? nil)
                #expect(failure.message.contains("it kept users waiting for longer than 300ms"))
                #expect(failure.message.contains("waited for by pid"))
                #expect(!failure.isTransient)
            }
            #expect(try await lab.history() == "1.sql applied")
            #expect(lab.journal.contains("its statement was cancelled"))
        }
    }

    // MARK: two at once

    @Test func `two at once apply everything once`() async throws {
        let files = Dictionary(
            uniqueKeysWithValues: (1...4).map {
                ("\($0).sql", "CREATE TABLE t\($0) (i int); SELECT pg_sleep(0.2)")
            }
        )
        try await ApplyLab.run(files) { lab in
            await withTaskGroup(of: StepFailure?.self) { group in
                for name in ["a", "b"] {
                    group.addTask { await failed { () throws(StepFailure) in try await lab.up(name) } }
                }
                for await failure in group { #expect(failure == nil) }
            }
            #expect(lab.applied.count == 4)
        }
    }

    @Test func `who waits too long for another says who that is`() async throws {
        try await ApplyLab.run(Self.slow) { lab in
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask { await failed { () throws(StepFailure) in try await lab.up("first") } }
                try await lab.wait(until: Self.atWork)
                let second = try #require(
                    await failed { () throws(StepFailure) in try await lab.up("second", within: .seconds(3)) }
                )
                #expect(second.message.contains("somebody else migrates it"))
                #expect(second.message.contains("first\", connected since"))
                #expect(lab.told.contains("waiting for who migrates this database: pid"))
                group.cancelAll()
            }
        }
    }
}
