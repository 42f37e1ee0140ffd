@testable import Migrations
import DeployCore
import DeployPorts
import ServiceLab
import Testing

@Suite(.realPostgres, .timeLimit(.minutes(10)))
struct RehearsalTests {
    private func rehearsal(
        _ lab: ToolLab,
        _ tool: String,
        _ value: Parameter,
        downAndUp: String = "true"
    ) throws -> any StepAction {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .migrate, service: "s", folder: lab.folder.path, publicURL: nil)
        let apply = Parameter.map([tool: value, "database": .text("${secret.DATABASE_URL}")])
        let step = RehearseStep.kind(supervisor: try ToolLab.supervisor())
            .make(
                .map(["database": .text("${secret.STAGING_DATABASE_URL}"), "down_and_up": .text(downAndUp)]),
                [Parameter.Entry(key: "apply", keyPosition: .unknown, value: apply)],
                context,
                diagnostics
            )
        #expect(diagnostics.all.isEmpty)
        return try #require(step)
    }

    private func attempt(_ lab: ToolLab, staging: String = "staging") throws -> StepAttempt {
        let secrets = [
            "secret.DATABASE_URL": lab.url("live"), "secret.STAGING_DATABASE_URL": lab.url(staging),
        ]
        return try lab.attempt(values: Values(secrets: secrets))
    }

    private func tables(_ lab: ToolLab, _ database: String) throws -> String {
        try lab.ask(
            """
            SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            """,
            in: database
        )
    }

    @Test func `Alembic goes up, down and up, and the schema is the same`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.writeUsers()
            let step = try rehearsal(lab, "alembic", .text("alembic.ini"))
            #expect(step.summary == "rehearse alembic alembic.ini up, down and up")
            let attempt = try attempt(lab)
            #expect(await step.reconcile(attempt) == .neverStarted)
            let result = try await step.perform(attempt)
            #expect(result.summary == "rehearsed nothing to b2, down and up again; the schema was the same")
            #expect(lab.heard.lines.contains("rehearse: down to nothing"))
            #expect(lab.heard.notes.first?.facts == ["rehearsed": "a1,b2", "down_and_up": "true"])
            #expect(try tables(lab, "staging") == "alembic_version users")
            #expect(try tables(lab, "live") == "")
        }
    }

    @Test func `a downgrade that leaves something behind is found`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.writeUsers()
            try lab.writeRevision("c3", after: "b2", up: "CREATE INDEX left_behind ON users (email)")
            _ = try lab.ask("CREATE TABLE old (id int)", in: "staging")
            try lab.writeRevision(
                "d4",
                after: "c3",
                up: "CREATE TABLE kept (id int PRIMARY KEY)",
                down: "DROP TABLE old"
            )
            let step = try rehearsal(lab, "alembic", .text("alembic.ini"))
            let attempt = try attempt(lab)
            let failure = try await stepFailure { _ = try await step.perform(attempt) }
            #expect(failure.message.contains("down does not undo what up did"))
            #expect(failure.message.contains("\n  + table public.kept\n"))
            #expect(failure.message.contains("\n  - table public.old\n"))
            #expect(failure.message.contains("the rehearsal's database is at no migration"))
            #expect(!failure.isTransient)
        }
    }

    @Test func `the database that users are on is never rehearsed on, whatever its URL looks like`()
        async throws
    {
        try await ToolLab.run("live") { lab in
            try lab.writeUsers()
            let step = try rehearsal(lab, "alembic", .text("alembic.ini"))
            let staging = lab.url("live").replacing("localhost", with: "staging.example")
            let values = Values(
                secrets: ["secret.DATABASE_URL": lab.url("live"), "secret.STAGING_DATABASE_URL": staging]
            )
            let attempt = try lab.attempt(values: values)
            let failure = try await stepFailure { _ = try await step.perform(attempt) }
            #expect(failure.message.contains("is the one that `apply` names"))
            #expect(!failure.isTransient)
            #expect(try tables(lab, "live") == "")
        }
    }

    @Test func `a tool that takes its database from elsewhere is not let near one`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.writeUsers()
            try lab.writeAlembic(reads: "\"\(lab.url("live"))\"")
            let step = try rehearsal(lab, "alembic", .text("alembic.ini"))
            let attempt = try attempt(lab)
            let failure = try await stepFailure { _ = try await step.perform(attempt) }
            #expect(failure.message.contains("does not take its database from the variable DATABASE_URL"))
            #expect(try tables(lab, "live") == "")
            #expect(try tables(lab, "staging") == "")
        }
    }

    @Test func `plain SQL goes down by its own files and sections`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.write("CREATE TABLE users (id int);", to: "sql/1_users.sql")
            try lab.write("DROP TABLE users;", to: "sql/1_users.down.sql")
            try lab.write(
                "ALTER TABLE users ADD name text;\n-- migrate:down\nALTER TABLE users DROP name;",
                to: "sql/2_name.sql"
            )
            let step = try rehearsal(lab, "sql", .text("sql"))
            let result = try await step.perform(try attempt(lab))
            #expect(
                result.summary
                    == "rehearsed nothing to 2_name.sql, down and up again; the schema was the same"
            )
            let again = try await step.perform(try attempt(lab, staging: "staging").numbered(2))
            #expect(again.summary == "nothing is pending there, at 2_name.sql: nothing was rehearsed")
        }
    }

    @Test func `without a way down it says so and goes up only`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.write("CREATE TABLE users (id int);", to: "sql/1_users.sql")
            let result = try await rehearsal(lab, "sql", .text("sql")).perform(try attempt(lab))
            #expect(result.summary == "rehearsed nothing to 1_users.sql")
            #expect(
                lab.heard.lines.contains(
                    "rehearse: there is no way down for 1_users.sql: only up was rehearsed"
                )
            )
            #expect(lab.heard.notes.last?.facts["down_and_up"] == "false")
        }
    }

    @Test func `what fails on the way up says where the rehearsal's database is`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.write("CREATE TABLE users (id int);", to: "sql/1_users.sql")
            try lab.write("ALTER TABLE nobody ADD x int;", to: "sql/2_x.sql")
            let step = try rehearsal(lab, "sql", .text("sql"), downAndUp: "false")
            let attempt = try attempt(lab)
            let failure = try await stepFailure { _ = try await step.perform(attempt) }
            #expect(failure.message.hasPrefix("rehearse: up: "))
            #expect(
                failure.message.hasSuffix(
                    "the rehearsal's database is at 1_users.sql; the database that users are on was not touched"
                )
            )
        }
    }

    @Test func `after an interruption it is rehearsed against what was before the first try`() async throws {
        try await ToolLab.run("live", "staging") { lab in
            try lab.writeUsers()
            let attempt = try attempt(lab)
            let step = try rehearsal(lab, "alembic", .text("alembic.ini"))
            // As a process leaves it that is killed after the first way up.
            let tool = CommandTool(dialect: AlembicDialect.alembic("alembic.ini"), launch: try lab.launch)
            let log = RehearsalLog(attempt)
            let picture = try await SchemaPicture(of: lab.database("staging"))
            try log.write(RehearsalLog.Before(head: nil, picture: picture))
            try await tool.up(lab.database("staging"), try log.nextPart(within: .seconds(60)))
            #expect(await step.reconcile(attempt) == .neverStarted)
            let result = try await step.perform(attempt)
            #expect(result.summary == "rehearsed nothing to b2, down and up again; the schema was the same")
        }
    }
}

extension StepAttempt {
    fileprivate func numbered(_ number: Int) -> StepAttempt {
        StepAttempt(
            run: run,
            step: step,
            number: number,
            deadline: deadline,
            values: values,
            folder: folder,
            report: report,
            note: note
        )
    }
}
