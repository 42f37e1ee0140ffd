@testable import Migrations
import DeployCore
import DeployPorts
import PostgresClient
import ServiceLab
import Testing

/// The step with a tool that is a command: what it answers, and who else is at it.
@Suite(.realPostgres, .timeLimit(.minutes(10)))
struct ToolStepTests {
    /// A tool whose `up` is `script`, which may call `apply`.
    private func step(_ lab: ToolLab, up script: String) throws -> ApplyStep {
        let text = """
            #!/bin/sh
            set -eu
            answer() { psql -qAtX -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$1"; }
            apply() { answer "CREATE TABLE versions AS SELECT 7 AS version"; }
            is_applied() { [ "$(answer "SELECT to_regclass('versions') IS NOT NULL")" = t ]; }
            case "$1" in
            head) if is_applied; then echo "at 7"; fi ;;
            todo) is_applied || echo 7 ;;
            up) \(script) ;;
            esac
            """
        try lab.write(text, to: "tool", isProgram: true)
        let value = Parameter.map([
            "up": .texts("./tool", "up"), "current": .texts("./tool", "head"),
            "pending": .texts("./tool", "todo"),
        ])
        let dialect = try #require(CommandDialect.read(value, Diagnostics()))
        return ApplyStep(
            tool: CommandTool(dialect: dialect, launch: try lab.launch),
            database: try Template("${secret.URL}"),
            limits: MigrationLimits()
        )
    }

    private func values(_ lab: ToolLab) -> Values { Values(secrets: ["secret.URL": lab.url("live")]) }

    @Test func `a tool that fails when all is applied has done its work`() async throws {
        try await ToolLab.run("live") { lab in
            let step = try step(lab, up: "apply; echo 'lost the answer to COMMIT' >&2; exit 1")
            let result = try await step.perform(try lab.attempt(values: values(lab)))
            #expect(result.summary == "1 applied, now at 7")
            #expect(result.captures == ["head": "7"])
            #expect(
                lab.heard.notes.contains {
                    $0.text.contains("all is applied, the database is at 7, although it failed")
                        && $0.text.contains("exited with status 1")
                }
            )
        }
    }

    @Test func `a tool that fails before says how far the database is`() async throws {
        try await ToolLab.run("live") { lab in
            let step = try step(lab, up: "exit 1")
            let attempt = try lab.attempt(values: values(lab))
            let failure = try await stepFailure { _ = try await step.perform(attempt) }
            #expect(failure.message.contains("exited with status 1"))
            #expect(failure.message.contains("the database is at an empty history, pending: 7"))
        }
    }

    @Test func `a tool is not started while somebody else migrates, and gives its lock back`()
        async throws
    {
        try await ToolLab.run("live") { lab in
            let step = try step(lab, up: "apply")
            let (first, second) = MigrationLock.key
            let other = try await PostgresSession.open(
                PostgresAddress(lab.url("live").replacing("@localhost/", with: "@/")),
                named: "another bgdeploy",
                within: .seconds(60)
            )
            defer { other.close() }
            try await other.run(
                "SELECT pg_advisory_lock(\(first), \(second))",
                commits: true,
                within: .seconds(60)
            )
            let values = values(lab)
            let attempt = try lab.attempt(values: values)
            let result = try await withThrowingTaskGroup(of: StepResult.self) { group in
                group.addTask { try await step.perform(attempt) }
                try await lab.waitUntilHeard("waiting for who migrates this database")
                #expect(lab.heard.lines.contains { $0.contains("another bgdeploy") })
                #expect(lab.artifacts().isEmpty)
                try await other.run(
                    "SELECT pg_advisory_unlock(\(first), \(second))",
                    commits: true,
                    within: .seconds(60)
                )
                return try #require(try await group.next())
            }
            #expect(result.summary == "1 applied, now at 7")
            let left = """
                SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.locktype = 'advisory'
                """
            #expect(try lab.ask(left, in: "live") == "0")
        }
    }
}

extension ToolLab {
    fileprivate func waitUntilHeard(_ text: String) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !heard.lines.contains(where: { $0.contains(text) }) {
            guard ContinuousClock.now < end else { throw StepFailure("never heard: \(text)") }
            await Pause.wait(milliseconds: 20)
        }
    }
}
