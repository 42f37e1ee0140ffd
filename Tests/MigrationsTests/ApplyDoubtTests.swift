import DeployCore
import DeployPorts
import PostgresClient
import ServiceLab
import Synchronization
import Testing

@testable import Migrations

/// What may be in force already, what somebody else sees or sent, and what nobody has judged.
@Suite(.realPostgres) struct ApplyDoubtTests {
    // MARK: what may have committed

    @Test(arguments: ["55P03", "P0001"])
    func `what commits within itself and is refused then is not run again unasked`(state: String) async throws
    {
        let text = """
            -- bgdeploy: no transaction
            CREATE TABLE a (i int);
            DO $$ BEGIN
                INSERT INTO a VALUES (1); COMMIT;
                RAISE EXCEPTION USING ERRCODE = '\(state)', MESSAGE = 'too late';
            END $$
            """
        try await ApplyLab.run(["1.sql": text]) { lab in
            let failure = try #require(await lab.failedUp())
            #expect(failure.message.contains("too late (SQLSTATE \(state))"))
            #expect(failure.message.contains("statement 1 is in force"))
            #expect(failure.message.contains("what it commits by itself may be in force"))
            #expect(!failure.isTransient)
            #expect(try await lab.history() == "1.sql started")
            let asked = try #require(await lab.failedUp())
            #expect(asked.message.contains("nothing tells whether it ran"))
            #expect(try await lab.value("SELECT count(*) FROM a") == "1")
        }
    }

    @Test func `a statement that was not begun is no doubt`() async throws {
        let text = """
            -- bgdeploy: no transaction
            CREATE TABLE a (i int); CREATE TABLE a (i int); DO $$ BEGIN COMMIT; END $$
            """
        try await ApplyLab.run(["1.sql": text]) { lab in
            let failure = try #require(await lab.failedUp())
            #expect(failure.message.contains("statement 1 is in force"))
            #expect(try await lab.history() == "1.sql stopped")
        }
    }

    // MARK: the history

    @Test func `a history that the search path does not lead to is not taken for none`() async throws {
        try await ApplyLab.run(["1.sql": "CREATE TABLE a (i int)"]) { lab in
            try await lab.up()
            try await lab.sql("CREATE SCHEMA app; ALTER DATABASE \(lab.database) SET search_path = app")
            for failure in [
                await lab.failedUp(),
                await failed { () throws(StepFailure) in _ = try await lab.tool.outlook(lab.target()) },
            ] {
                let message = try #require(failure?.message)
                #expect(message.contains("the history is in public.bgdeploy_migrations"))
                #expect(message.contains("with the search_path app does not find it; nothing was applied"))
                #expect(failure?.isTransient == false)
            }
            #expect(try await lab.value("SELECT to_regclass('app.bgdeploy_migrations') IS NULL") == "t")
            #expect(try await lab.value("SELECT to_regclass('app.a') IS NULL") == "t")
            // It says what to do: the history of other migrations is a table of their own.
            try await lab.sql(
                "CREATE TABLE bgdeploy_migrations (LIKE public.bgdeploy_migrations INCLUDING ALL)"
            )
            try await lab.up()
            #expect(try await lab.value("SELECT to_regclass('app.a') IS NOT NULL") == "t")
        }
    }

    @Test func `a lost answer to a COMMIT that hides the history is not taken for a rollback`() async throws {
        try await ApplyLab.run() { lab in
            try lab.write(
                "CREATE SCHEMA app; ALTER DATABASE \(lab.database) SET search_path = app",
                "1.sql"
            )
            try await PostgresProxy.run(to: lab.server.folder, losing: .answer(to: "COMMIT")) { proxy in
                let failure = try #require(
                    await failed { () throws(StepFailure) in try await lab.up(url: lab.url(host: proxy)) }
                )
                #expect(failure.message.contains("its COMMIT was sent and not answered"))
                #expect(failure.message.contains("the history is in public.bgdeploy_migrations"))
                #expect(!failure.message.contains("nothing of the file is in force"))
            }
        }
    }

    // MARK: others

    @Test func `a user of another role who waits is seen by a role without rights`() async throws {
        try await ApplyLab.run() { lab in
            let (migrator, user) = ("m\(lab.database)", "u\(lab.database)")
            try await lab.sql(
                """
                CREATE ROLE \(migrator) LOGIN; CREATE ROLE \(user) LOGIN;
                GRANT ALL ON SCHEMA public TO \(migrator)
                """
            )
            try lab.write("CREATE TABLE t (a int); GRANT SELECT ON t TO \(user)", "1.sql")
            _ = try await lab.step(user: migrator)
            try lab.write("LOCK TABLE t; SELECT pg_sleep(1000), 'slow'", "2.sql")
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask {
                    await failed { () throws(StepFailure) in
                        _ = try await lab.step(MigrationLimits(lock: .milliseconds(300)), user: migrator)
                    }
                }
                try await lab.wait(
                    until: """
                        SELECT count(*) = 1 FROM pg_stat_activity
                        WHERE datname = current_database() AND usename = '\(migrator)' AND query LIKE '%slow%'
                            AND state = 'active'
                        """
                )
                let session = try await lab.open("shop", as: user)
                defer { session.close() }
                // Goes through when the migration has given up.
                _ = try await session.query("SELECT count(*) FROM t", within: ApplyLab.generous)
                let failure = try #require(try await group.next() ?? nil)
                #expect(failure.message.contains("it kept users waiting for longer than 300ms"))
                #expect(
                    failure.message.contains("waited for by pid \(session.backendPID) (\(user), \"shop\"")
                )
            }
        }
    }

    @Test func `a password in somebody else's statement is shown nowhere`() async throws {
        try await ApplyLab.run(["2.sql": "ALTER TABLE t ADD COLUMN b int"]) { lab in
            let (first, second) = MigrationLock.key
            try await lab.sql("CREATE TABLE t (a int); CREATE ROLE r\(lab.database)")
            let other = try await lab.open("other")
            defer { other.close() }
            func act(_ script: String) async throws {
                try await other.run(script, commits: true, within: ApplyLab.generous)
            }
            try await act("SELECT pg_advisory_lock(\(first), \(second))")
            try await act("ALTER ROLE r\(lab.database) PASSWORD 'hunter2'")
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask { await lab.failedUp() }
                try await lab.waitUntilTold("ALTER ROLE r\(lab.database) PASSWORD …")
                group.cancelAll()
            }
            try await act("SELECT pg_advisory_unlock(\(first), \(second))")
            try await act("BEGIN; SELECT * FROM t")
            try await act("ALTER ROLE r\(lab.database) PASSWORD 'hunter2'")
            let blocked = try #require(
                await failed { () throws(StepFailure) in
                    _ = try await lab.step(MigrationLimits(lock: .milliseconds(600), lockAttempts: 2))
                }
            )
            #expect(blocked.message.contains("ALTER ROLE r\(lab.database) PASSWORD …"))
            let facts = lab.notes.withLock { $0.flatMap(\.facts.values) }.joined()
            #expect(facts.contains("PASSWORD …"))
            #expect(!(blocked.message + lab.told + lab.journal + facts).contains("hunter2"))
        }
    }

    // MARK: the step

    @Test func `what came after it was judged is not applied`() async throws {
        try await ApplyLab.run(["1.sql": "CREATE TABLE a (i int)", "2.sql": "DROP TABLE a"]) { lab in
            for judged in ["", "1.sql", "11.sql,2.sqlx,1.sql"] {
                let failure = try #require(
                    await failed { () throws(StepFailure) in _ = try await lab.step(judged: judged) }
                )
                #expect(failure.message.contains("2.sql came after `lint` had judged"))
                #expect(!failure.isTransient)
            }
            #expect(try await lab.value("SELECT to_regclass('bgdeploy_migrations') IS NULL") == "t")
            #expect(try await lab.step(judged: "1.sql,2.sql").summary == "2 applied, now at 2.sql")
        }
    }

    @Test(arguments: [(Span.seconds(100), Span.seconds(90)), (.minutes(30), .minutes(29))])
    func `time is left to ask the database`(deadline: Span, expected: Span) async throws {
        try await ApplyLab.run() { lab in
            #expect(lab.attempt(within: deadline).timeToMigrate == expected)
        }
    }
}
