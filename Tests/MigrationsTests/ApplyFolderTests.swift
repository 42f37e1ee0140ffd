import DeployPorts
import PostgresClient
import ServiceLab
import Testing

@testable import Migrations

@Suite(.realPostgres) struct ApplyFolderTests {
    private static let users = ["1_users.sql": "CREATE TABLE users (id int PRIMARY KEY, name text);"]

    @Test func `pending files are applied once, in their order, and noted with them`() async throws {
        let files = Self.users.merging([
            "10_last.sql": "-- nothing but a comment",
            "2_names.sql":
                "SET search_path = ''; INSERT INTO public.users VALUES (1, 'a;b'); SET ROLE pg_monitor;",
            "2_names.down.sql": "DROP TABLE users",
            "3_both.sql": "ALTER TABLE users ADD age int;\n-- migrate:down\nDROP TABLE users;",
        ]) { first, _ in first }
        try await ApplyLab.run(files) { lab in
            let names = ["1_users.sql", "2_names.sql", "3_both.sql", "10_last.sql"]
            let before = try await lab.tool.outlook(lab.target())
            #expect(before.head == nil)
            #expect(before.pending.map(\.name) == names)
            #expect(before.pending[2].sql == "ALTER TABLE users ADD age int;\n")
            #expect(try await lab.value("SELECT to_regclass('bgdeploy_migrations') IS NULL") == "t")
            try await lab.up()
            let after = try await lab.tool.outlook(lab.target())
            #expect(after.head == "10_last.sql")
            #expect(after.applied.map(\.name) == names)
            #expect(after.pending.isEmpty)
            #expect(try await lab.value("SELECT count(*) FROM users WHERE age IS NULL") == "1")
            try await lab.up()
            #expect(try await lab.value("SELECT count(*) FROM users") == "1")
            #expect(lab.applied == names)
            guard case .ended = await lab.tool.reconcile(lab.target(), lab.attempt()) else {
                Issue.record("not found ended")
                return
            }
        }
    }

    @Test func `a transaction that fails leaves nothing of its file, and says where`() async throws {
        let bad = "CREATE TABLE a (i int);\n\nINSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (1);"
        try await ApplyLab.run(Self.users.merging(["2_bad.sql": bad]) { first, _ in first }) { lab in
            let failure = try #require(await failed { () throws(StepFailure) in try await lab.up() })
            #expect(failure.message.contains("2_bad.sql:4, statement 3 of 3"))
            #expect(failure.message.contains("SQLSTATE 42P01"))
            #expect(failure.message.contains("nothing of the file is in force"))
            #expect(!failure.isTransient)
            #expect(try await lab.value("SELECT to_regclass('a') IS NULL") == "t")
            #expect(try await lab.history() == "1_users.sql applied")
            #expect(await lab.tool.reconcile(lab.target(), lab.attempt()).isNeverStarted)
        }
    }

    @Test func `a file without a transaction goes on behind what ran, and its rest may be mended`()
        async throws
    {
        let text = """
            -- bgdeploy: no transaction
            CREATE TABLE a (i int);
            INSERT INTO a VALUES (1), (1);
            CREATE UNIQUE INDEX CONCURRENTLY a_i ON a (i);
            """
        try await ApplyLab.run(["1.sql": text]) { lab in
            let failure = try #require(await failed { () throws(StepFailure) in try await lab.up() })
            #expect(failure.message.contains("statements 1 to 2 are in force"))
            #expect(failure.message.contains("SQLSTATE 23505"))
            #expect(try await lab.history() == "1.sql stopped")
            #expect(try await lab.value("SELECT count(*) FROM a") == "2")
            // What ran may not be changed.
            try lab.write(text.replacing("VALUES (1), (1)", with: "VALUES (1), (2)"), "1.sql")
            let changed = try #require(await lab.failedUp())
            #expect(changed.message.contains("its first 2 statements ran with another text"))
            try lab.write(text.replacing("CREATE UNIQUE", with: "DELETE FROM a; CREATE UNIQUE"), "1.sql")
            try await lab.up()
            #expect(try await lab.history() == "1.sql applied")
            #expect(
                try await lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_i'::regclass")
                    == "t"
            )
            #expect(lab.journal.contains("the index public.a_i is invalid"))
        }
    }

    @Test func `what a file has set holds for all of it, also when it is gone on with, and not for the next`()
        async throws
    {
        let text = """
            SET search_path = app; SET ROLE pg_monitor; RESET ROLE; CREATE TABLE t (i int);
            INSERT INTO t VALUES (1), (1); CREATE UNIQUE INDEX CONCURRENTLY t_i ON t (i);
            SET ROLE pg_monitor
            """
        try await ApplyLab.run(["1.sql": text]) { lab in
            try await lab.sql("CREATE SCHEMA app")
            #expect(await lab.failedUp()?.message.contains("statements 1 to 5 are in force") == true)
            try await lab.sql("DELETE FROM app.t")
            try lab.write("CREATE TABLE next (i int)", "2.sql")
            try await lab.up()
            #expect(
                try await lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.t_i'::regclass")
                    == "t"
            )
            #expect(try await lab.value("SELECT to_regclass('public.next') IS NOT NULL") == "t")
            #expect(try await lab.history() == "1.sql applied, 2.sql applied")
        }
    }

    @Test func `an index that was not finished when the run was killed is built again`() async throws {
        let index = "CREATE INDEX CONCURRENTLY users_name ON users (name)"
        try await ApplyLab.run(Self.users) { lab in
            try await lab.up()
            try await lab.sql("INSERT INTO users VALUES (1, 'x')")
            try lab.write(index, "2_index.sql")
            // A transaction that is older than the index keeps it from becoming valid.
            let old = try await lab.open()
            defer { old.close() }
            try await old.run(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO users VALUES (2, 'y')",
                commits: false,
                within: ApplyLab.generous
            )
            try await withThrowingTaskGroup(of: StepFailure?.self) { group in
                group.addTask { await lab.failedUp() }
                try await lab.wait(until: "SELECT count(*) = 1 FROM pg_index WHERE NOT indisvalid")
                try await lab.terminate("CREATE INDEX%")
                let failure = try #require(try await group.next() ?? nil)
                #expect(failure.message.contains("statement 1 was sent and not answered"))
            }
            #expect(try await lab.history() == "1_users.sql applied, 2_index.sql started")
            try await old.run("COMMIT", commits: true, within: ApplyLab.generous)
            try await lab.up()
            #expect(try await lab.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0")
            #expect(try await lab.history() == "1_users.sql applied, 2_index.sql applied")
        }
    }

    @Test func `what became of a statement that leaves no trace is asked of a person`() async throws {
        let text = """
            -- bgdeploy: no transaction
            SET search_path = public; DO $$ BEGIN CREATE TABLE done (i int); COMMIT; END $$
            """
        try await ApplyLab.run(["1.sql": text]) { lab in
            try await lab.up()
            // As it stands when the process was killed before it heard the answer.
            let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            try await lab.sql(
                "UPDATE bgdeploy_migrations SET state = 'started', finished = 0, sha256 = '\(empty)'"
            )
            let failure = try #require(await lab.failedUp())
            #expect(failure.message.contains("nothing tells whether it ran"))
            let advice = try #require(failure.message.split(separator: "it ran     ").last)
            let update = try #require(advice.firstRange(of: "UPDATE").map { advice[$0.lowerBound...] })
            try await lab.sql(String(update.prefix { !$0.isNewline }))
            try await lab.up()
            #expect(try await lab.history() == "1.sql applied")
        }
    }

    @Test func `a history that does not fit the files is refused, and all of it is named`() async throws {
        let files = Self.users.merging(["2.sql": "SELECT 2", "4.sql": "SELECT 4"]) { first, _ in first }
        try await ApplyLab.run(files) { lab in
            try await lab.up()
            try lab.write("SELECT 22", "2.sql")
            try lab.write("CREATE TABLE late (i int)", "3.sql")
            try lab.write("CREATE TABLE new (i int)", "5.sql")
            try await lab.sql(
                """
                INSERT INTO bgdeploy_migrations
                SELECT '0_old.sql', sha256, state, 1, now(), '', '' FROM bgdeploy_migrations LIMIT 1
                """
            )
            for failure in [
                await lab.failedUp(),
                await failed { () throws(StepFailure) in _ = try await lab.tool.outlook(lab.target()) },
            ] {
                let message = try #require(failure?.message)
                #expect(message.contains("changed    2.sql has another text"))
                #expect(message.contains("late       3.sql is new and comes before 4.sql"))
                #expect(message.contains("gone       0_old.sql is in public.bgdeploy_migrations"))
                #expect(failure?.isTransient == false)
            }
            #expect(try await lab.value("SELECT to_regclass('new') IS NULL") == "t")
        }
    }

    @Test func `a password is in no failure`() async throws {
        try await ApplyLab.run(Self.users) { lab in
            let bad = lab.url(user: "guarded", password: "wr0ng-p4ss")
            let failure = try #require(
                await failed { () throws(StepFailure) in try await lab.up(url: bad) }
            )
            #expect(failure.message.contains("password authentication failed"))
            #expect(!failure.message.contains("wr0ng"))
            #expect(!failure.isTransient)
            // Nor is a secret that a file has in it.
            try lab.write("CREATE ROLE app PASSWORD 's3cr3t-of-app' NONSENSE", "2.sql")
            let values = Values(secrets: ["secret.APP": "s3cr3t-of-app"])
            let target = MigrationDatabase(url: lab.url(), values: values, limits: MigrationLimits())
            let refused = try #require(
                await failed { () throws(StepFailure) in try await lab.tool.up(target, lab.attempt()) }
            )
            #expect(refused.message.contains("CREATE ROLE app PASSWORD '***'"))
            #expect(!(refused.message + lab.told + lab.journal).contains("s3cr3t"))
        }
    }

    @Test(arguments: [
        ("BEGIN; SELECT 1; COMMIT", "bgdeploy makes the transaction"),
        ("COPY t FROM STDIN", "COPY from or to the client needs psql"),
        ("CREATE INDEX CONCURRENTLY ON t (a)", "give the index a name"),
        ("SELECT 'open", "not SQL that a server takes"),
    ])
    func `what cannot be carried out is refused before anything runs`(text: String, why: String) async throws
    {
        try await ApplyLab.run(Self.users.merging(["2.sql": "\n\(text)"]) { first, _ in first }) { lab in
            let failure = try #require(await lab.failedUp())
            #expect(failure.message.contains(why))
            #expect(failure.message.contains("2.sql:2: "))
            #expect(try await lab.value("SELECT to_regclass('users') IS NULL") == "t")
        }
    }
}

extension Reconciliation {
    fileprivate var isNeverStarted: Bool { self == .neverStarted }
}
