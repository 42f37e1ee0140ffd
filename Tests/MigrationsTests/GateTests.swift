@testable import Migrations
import DeployCore
import DeployPorts
import ServiceLab
import Testing

@Suite(.realPostgres, .timeLimit(.minutes(10)))
struct GateTests {
    private static let database = Parameter.text("${secret.DATABASE_URL}")

    private func gate(
        _ lab: ToolLab,
        _ settings: KeyValuePairs<String, Parameter> = [:],
        apply: KeyValuePairs<String, Parameter> = ["sql": .text("sql"), "database": database]
    ) throws -> any StepAction {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .migrate, service: "s", folder: lab.folder.path, publicURL: nil)
        let sibling = Parameter.Entry(key: "apply", keyPosition: .unknown, value: .map(apply))
        let step = GateStep.kind(supervisor: try ToolLab.supervisor())
            .make(.map(settings), [sibling], context, diagnostics)
        #expect(diagnostics.all.isEmpty)
        return try #require(step)
    }

    private func attempt(_ lab: ToolLab) throws -> StepAttempt {
        try lab.attempt(values: Values(secrets: ["secret.DATABASE_URL": lab.url("live")]))
    }

    private func prepare(_ lab: ToolLab, _ migration: String) throws {
        _ = try lab.ask("CREATE TABLE users (id int, name text)", in: "live")
        _ = try lab.ask("INSERT INTO users VALUES (1, 'a')", in: "live")
        try lab.write(migration, to: "sql/1_users.sql")
    }

    @Test func `what breaks the stable version stops the release before anything runs`() async throws {
        try await ToolLab.run("live") { lab in
            try prepare(lab, "SELECT 1;\nALTER TABLE users DROP COLUMN name;\n")
            let (gate, attempt) = (try gate(lab), try attempt(lab))
            #expect(gate.summary == "lint sql sql")
            #expect(gate.isReadOnly)
            let failure = try await stepFailure { _ = try await gate.perform(attempt) }
            #expect(failure.message.contains("sql/1_users.sql:2: ALTER TABLE users DROP COLUMN name"))
            #expect(failure.message.contains("drop-column: "))
            #expect(failure.message.contains("instead: "))
            #expect(failure.message.contains("nothing was run"))
            #expect(!failure.isTransient)
            let start = "sql/1_users.sql:2: stable version breaks, lock "
            #expect(lab.heard.lines.contains { $0.hasPrefix(start) })
            let facts = lab.heard.notes.first?.facts
            #expect(facts?["compatibility"] == "breaks")
            #expect(facts?["pending"] == "1")
            #expect(try lab.ask("SELECT name FROM users", in: "live") == "a")
        }
    }

    @Test func `advised only tells, and the verdict goes to a later rollback`() async throws {
        try await ToolLab.run("live") { lab in
            try prepare(lab, "ALTER TABLE users DROP COLUMN name;\n")
            let gate = try gate(lab, ["compatible_with_stable": .text("advised")])
            let result = try await gate.perform(try attempt(lab))
            #expect(result.captures == ["compatibility": "breaks", "migrations": "1_users.sql"])
            #expect(result.summary.hasPrefix("1 migration: stable version breaks, lock "))
        }
    }

    @Test func `what a file allows is told in the journal with its reason, as what it is`() async throws {
        try await ToolLab.run("live") { lab in
            try prepare(
                lab,
                """
                -- bgdeploy: allow drop-column because v2.4 has not read it since May
                ALTER TABLE users DROP COLUMN name;
                """
            )
            let result = try await gate(lab).perform(try attempt(lab))
            #expect(result.captures["compatibility"] == "breaks")
            let notes = lab.heard.notes
            #expect(notes.allSatisfy { $0.topic == "migration" })
            #expect(
                notes.last?.text
                    == "sql/1_users.sql:2: drop-column is allowed because v2.4 has not read it since May"
            )
        }
    }

    @Test func `a long lock stops only where that is required`() async throws {
        try await ToolLab.run("live") { lab in
            try prepare(lab, "CREATE INDEX users_name ON users (name);\n")
            let attempt = try attempt(lab)
            let result = try await gate(lab).perform(attempt)
            #expect(result.captures["compatibility"] == "compatible")
            let strict = try gate(lab, ["locks": .text("required")])
            let failure = try await stepFailure { _ = try await strict.perform(attempt) }
            #expect(failure.message.contains("users would wait for long:\n  sql/1_users.sql:1: CREATE INDEX"))
            #expect(failure.message.contains("index-not-concurrent: "))
        }
    }

    @Test func `what nobody tells as SQL is unknown, not safe`() async throws {
        try await ToolLab.run("live") { lab in
            let command = Parameter.map([
                "up": .texts("true"), "current": .texts("echo", "6"), "pending": .texts("echo", "7"),
            ])
            let gate = try gate(lab, apply: ["command": command, "database": Self.database])
            let result = try await gate.perform(try attempt(lab))
            #expect(result.captures == ["compatibility": "unknown", "migrations": "7"])
            #expect(lab.heard.lines.contains { $0.hasPrefix("7: unknown: ") })
        }
    }

    @Test func `the SQL that Alembic tells is judged under the revision's name`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.writeAlembic()
            try lab.writeRevision("a1", after: nil, up: "DROP TABLE users")
            _ = try lab.ask("CREATE TABLE users (id int)", in: "live")
            let gate = try gate(lab, apply: ["alembic": .text("alembic.ini"), "database": Self.database])
            let attempt = try attempt(lab)
            let failure = try await stepFailure { _ = try await gate.perform(attempt) }
            #expect(failure.message.contains("a1:"))
            #expect(failure.message.contains("DROP TABLE users"))
            #expect(!failure.message.contains(lab.url("live")))
        }
    }

    @Test func `with nothing pending nothing is asked of the catalogue`() async throws {
        try await ToolLab.run("live") { lab in
            let command = Parameter.map([
                "up": .texts("true"), "current": .texts("echo", "6"), "head": .texts("echo", "head:", "6"),
            ])
            let gate = try gate(lab, apply: ["command": command, "database": .text("mysql://x/y")])
            let result = try await gate.perform(try lab.attempt())
            #expect(result.summary == "nothing is pending")
            #expect(result.captures == ["compatibility": "compatible", "migrations": ""])
        }
    }

    @Test func `mistakes are told`() {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .migrate, service: "s", folder: "/srv", publicURL: nil)
        let settings = Parameter.map(["locks": .text("never"), "strict": .text("yes")])
        #expect(GateStep.kind().make(settings, [], context, diagnostics) == nil)
        let messages = diagnostics.all.map(\.message)
        #expect(messages.contains("`locks` must be required or advised, found `never`"))
        #expect(messages.contains { $0.contains("has no key `strict`") })
        #expect(messages.contains { $0.hasPrefix("`lint` needs `apply` beside it") })
    }
}
