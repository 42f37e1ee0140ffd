@testable import Migrations
import DeployCore
import DeployPorts
import Foundation
import PostgresClient
import ServiceLab
import Testing

/// The real Alembic on a real PostgreSQL.
@Suite(.realPostgres, .timeLimit(.minutes(10)))
struct ToolAlembicTests {
    private func tool(_ lab: ToolLab) throws -> CommandTool<AlembicDialect> {
        CommandTool(dialect: .alembic("alembic.ini"), launch: try lab.launch)
    }

    @Test func `what is pending is told with its file and its SQL, and applied`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            let (tool, database) = (try tool(lab), lab.database("live"))
            let before = try await tool.outlook(database)
            #expect(before.head == nil)
            #expect(before.applied.isEmpty)
            #expect(before.pending.map(\.name) == ["a1", "b2"])
            #expect(before.pending[1].path?.hasSuffix("/versions/b2.py") == true)
            let sql = try #require(before.pending[1].sql)
            #expect(sql.contains("ALTER TABLE users ADD COLUMN email text"))
            #expect(!sql.contains("alembic_version"))
            try await tool.up(database, lab.attempt())
            let after = try await tool.outlook(database)
            #expect(after.head == "b2")
            #expect(after.applied.map(\.name) == ["a1", "b2"])
            #expect(after.pending.isEmpty)
        }
    }

    @Test func `apply goes by it, to the head and not twice`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            let value = Parameter.map(["alembic": .text("alembic.ini"), "database": .text("${secret.URL}")])
            let context = StepContext(
                phase: .migrate,
                service: "s",
                folder: lab.folder.path,
                publicURL: nil
            )
            let kind = ApplyStep.kind(supervisor: try ToolLab.supervisor())
            let step = try #require(kind.make(value, [], context, Diagnostics()))
            let values = Values(secrets: ["secret.URL": lab.url("live")])
            let result = try await step.perform(try lab.attempt(values: values))
            #expect(result.summary == "2 applied, now at b2")
            let again = try await step.perform(try lab.attempt(2, values: values))
            #expect(again.summary == "nothing is pending at b2")
        }
    }

    @Test func `its session has our name and the limits, and nobody sees the URL`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeAlembic()
            let look = """
                CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS wait,
                current_setting('application_name') AS name
                """
            try lab.writeRevision("a1", after: nil, up: look)
            let (tool, database) = (try tool(lab), lab.database("live"))
            try await tool.up(database, lab.attempt())
            let seen = try lab.ask("SELECT wait, name FROM seen", in: "live")
            #expect(seen == "2s|bgdeploy RUN1 migrate/1")
            #expect(!lab.artifacts().isEmpty)
            #expect(!lab.artifacts().contains { $0.contains(database.url) })
        }
    }

    @Test func `what fails half-way leaves nothing, and the database is asked`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            try lab.writeRevision("c3", after: "b2", up: "ALTER TABLE nobody ADD COLUMN x int")
            let (tool, database) = (try tool(lab), lab.database("live"))
            let attempt = try lab.attempt()
            let failure = try await stepFailure { try await tool.up(database, attempt) }
            #expect(failure.message.contains("relation \"nobody\" does not exist"))
            #expect(try await tool.outlook(database).head == nil)
            guard case .failed(let found) = await tool.reconcile(database, try lab.attempt()) else {
                Issue.record("an exit of its own is an outcome")
                return
            }
            #expect(found.message.contains("nothing applied, pending: a1, b2, c3"))
        }
    }

    @Test func `a wrong password is not shown`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            let url = lab.url("live", user: "guarded", password: "wr0ng/secret")
            let (tool, database) = (try tool(lab), lab.database(at: url))
            let attempt = try lab.attempt()
            for failure in [
                try await stepFailure { _ = try await tool.outlook(database) },
                try await stepFailure { try await tool.up(database, attempt) },
            ] {
                #expect(failure.message.contains("password authentication failed"))
                #expect(!failure.message.contains("wr0ng"))
                #expect(!failure.message.contains("secret"))
            }
        }
    }

    @Test func `a head that this release does not know is refused`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            let (tool, database) = (try tool(lab), lab.database("live"))
            try await tool.up(database, lab.attempt())
            _ = try lab.ask("UPDATE alembic_version SET version_num = 'z9'", in: "live")
            let failure = try await stepFailure { _ = try await tool.outlook(database) }
            #expect(failure.message.contains("'z9'"))
        }
    }

    // MARK: interrupted

    /// A project whose only revision waits, with a table's lock, until the test lets go of an advisory lock.
    private func writeWaiting(_ lab: ToolLab) throws {
        try lab.writeAlembic()
        let wait = """
            print("pid", __import__("os").getpid(), flush=True)
                op.execute("CREATE TABLE made (id int)")
                op.execute("SELECT pg_advisory_lock(42)")
            """
        try lab.writeRevision("a1", after: nil, up: wait, isPython: true)
    }

    private func holdLock(_ url: String) async throws -> PostgresSession {
        let session = try await PostgresSession.open(
            try PostgresAddress(url),
            named: "a test",
            within: .seconds(60)
        )
        _ = try await session.query("SELECT pg_advisory_lock(42)", within: .seconds(60))
        return session
    }

    private func waitForBackend(_ lab: ToolLab) async throws {
        try await eventually("the migration waits") {
            try lab.ask(
                """
                SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
                """,
                in: "live"
            ) == "1"
        }
    }

    private func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isSo() {
            try #require(ContinuousClock.now < end, "never came true: \(what)")
            try await onThread { _ = poll(nil, 0, 50) }
        }
    }

    private func patient(_ lab: ToolLab) -> MigrationDatabase {
        MigrationDatabase(
            url: lab.url("live"),
            values: Values(),
            limits: MigrationLimits(lock: .minutes(10))
        )
    }

    @Test func `what outlives us is attached to, and applied once`() async throws {
        try await ToolLab.run("live") { lab in
            try writeWaiting(lab)
            let (tool, database) = (try tool(lab), patient(lab))
            let lock = try await holdLock(database.url)
            let leaving = try lab.attempt(isDetaching: { true })
            let first = await withTaskGroup(of: StepFailure?.self) { group in
                group.addTask {
                    try? await stepFailure { try await tool.up(database, leaving) }
                }
                try? await waitForBackend(lab)
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(first?.message.contains("left running") == true)
            let again = try lab.attempt()
            #expect(await tool.reconcile(database, again) == .running)
            lock.close()
            try await tool.up(database, again)
            #expect(try await tool.outlook(database).head == "a1")
            #expect(lab.heard.lines.filter { $0.hasPrefix("pid ") }.count == 2, "told twice, run once")
            #expect(Set(lab.heard.lines.filter { $0.hasPrefix("pid ") }).count == 1)
            guard case .ended = await tool.reconcile(database, again) else {
                Issue.record("the database says that it is done")
                return
            }
        }
    }

    @Test func `after a kill nothing is assumed, and nothing started beside what is still at work`()
        async throws
    {
        try await ToolLab.run("live") { lab in
            try writeWaiting(lab)
            let (tool, database) = (try tool(lab), patient(lab))
            let lock = try await holdLock(database.url)
            let (first, second) = (try lab.attempt(), try lab.attempt(2))
            let failure = try await withThrowingTaskGroup(of: StepFailure.self) { group in
                group.addTask { try await stepFailure { try await tool.up(database, first) } }
                try await waitForBackend(lab)
                try await eventually("its output is told") { !lab.heard.lines.isEmpty }
                let line = try #require(lab.heard.lines.first { $0.hasPrefix("pid ") })
                kill(try #require(pid_t(line.dropFirst(4))), SIGKILL)
                return try #require(try await group.next())
            }
            #expect(failure.message.contains("signal 9, which bgdeploy did not send"))
            #expect(!failure.isTransient)
            guard case .unknown(let text) = await tool.reconcile(database, first) else {
                Issue.record("nobody can know")
                return
            }
            #expect(text.contains("still at work in the database (back-end "))
            let refused = try await stepFailure { try await tool.up(database, second) }
            #expect(refused.message.contains("nothing was started beside it"))
            lock.close()
            try await eventually("the back-end notices that its client is gone") {
                guard case .unknown(let text) = await tool.reconcile(database, first) else { return false }
                return text.contains("the database is at nothing applied, pending: a1")
            }
            try await tool.up(database, second)
            #expect(try await tool.outlook(database).head == "a1")
        }
    }
}
