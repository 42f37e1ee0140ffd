@testable import Migrations
import DeployPorts
import Foundation
import ServiceLab
import Testing

/// Tools that are not installed, by stand-ins that keep their contract (arguments, variables, words) on a real
/// database.
@Suite(.realPostgres, .timeLimit(.minutes(10)))
struct ToolStandInTests {
    /// What all stand-ins have in common: `answer SQL` on the database that `$DATABASE_URL` names.
    private func writeTool(_ lab: ToolLab, _ name: String, _ script: String) throws {
        let text = """
            #!/bin/sh
            set -eu
            answer() { psql -qAtX -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$1"; }
            answer "SET client_min_messages = error;
                CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY)"
            is_applied() { [ "$(answer "SELECT count(*) FROM schema_migrations WHERE version = '$1'")" = 1 ]; }
            \(script)
            """
        try lab.write(text, to: name, isProgram: true)
    }

    private func contract<Dialect: ToolDialect>(
        _ lab: ToolLab,
        _ dialect: Dialect,
        names: [String],
        sql: String?
    ) async throws {
        let (tool, database) = (CommandTool(dialect: dialect, launch: try lab.launch), lab.database("live"))
        let before = try await tool.outlook(database)
        #expect(before.head == nil)
        #expect(before.pending.map(\.name) == names)
        #expect(before.pending.first?.sql == sql)
        try await tool.up(database, lab.attempt())
        let after = try await tool.outlook(database)
        #expect(after.head == names.last)
        #expect(after.applied.map(\.name) == names)
        #expect(after.pending.isEmpty)
        #expect(try lab.ask("SELECT count(*) FROM users", in: "live") == "0")
    }

    @Test func `dbmate's checklist is read, and the way down is no SQL of a migration`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.write(
                "-- migrate:up\nCREATE TABLE users (id int);\n\n-- migrate:down\nDROP TABLE users;\n",
                to: "db/1_users.sql"
            )
            try writeTool(
                lab,
                "dbmate",
                """
                [ "$1 $2 $3" = "--migrations-dir db --no-dump-schema" ] || exit 64
                for file in "$2"/*.sql; do
                    name=$(basename "$file")
                    case "$4" in
                    status) if is_applied "$name"; then echo "[X] $name"; else echo "[ ] $name"; fi ;;
                    migrate)
                        is_applied "$name" && continue
                        answer "$(sed '/migrate:down/,$d' "$file")"
                        answer "INSERT INTO schema_migrations VALUES ('$name')" ;;
                    *) exit 64 ;;
                    esac
                done
                [ "$4" = migrate ] || printf '\\nApplied: %s\\nPending: %s\\n' ? ?
                """
            )
            try await contract(
                lab,
                DbmateDialect(folder: "db"),
                names: ["1_users.sql"],
                sql: "-- migrate:up\nCREATE TABLE users (id int);\n\n"
            )
        }
    }

    @Test func `flyway gets a JDBC URL without credentials, and its JSON is read`() async throws {
        try await ToolLab.run("live") { lab in
            try lab.write("CREATE TABLE users (id int);", to: "sql/V1__users.sql")
            try writeTool(
                lab,
                "flyway",
                """
                [ "$1" = "-locations=filesystem:sql" ] || exit 64
                case "$FLYWAY_URL" in jdbc:postgresql://localhost/*ApplicationName=bgdeploy*) ;; *) exit 65 ;; esac
                case "$FLYWAY_URL" in *postgres@*) exit 65 ;; esac
                [ "$FLYWAY_USER" = postgres ] || exit 65
                case "$2" in
                info)
                    [ "$3" = "-outputType=json" ] || exit 64
                    state=Pending; if is_applied 1; then state=Success; fi
                    echo "WARNING: a newer version is there" >&2
                    printf '{"schemaVersion": null, "migrations": [{"category": "Versioned", "version": "1",
                        "description": "users", "state": "%s", "filepath": "%s/sql/V1__users.sql"}]}' "$state" "$PWD" ;;
                migrate)
                    answer "$(cat sql/V1__users.sql)"
                    answer "INSERT INTO schema_migrations VALUES ('1')" ;;
                esac
                """
            )
            try await contract(
                lab,
                FlywayDialect(source: "sql"),
                names: ["1"],
                sql: "CREATE TABLE users (id int);"
            )
        }
    }

    /// `info` of a Flyway that knows these migrations: each a category, a version and a state.
    private func flyway(
        _ lab: ToolLab,
        knows rows: [(String, String, String)]
    ) async throws -> SchemaOutlook {
        let items = rows.map { category, version, state in
            #"{"category": "\#(category)", "version": "\#(version)", "state": "\#(state)"}"#
        }
        try lab.write(#"{"migrations": [\#(items.joined(separator: ", "))]}"#, to: "info.json")
        try writeTool(lab, "flyway", "cat info.json")
        let tool = CommandTool(dialect: FlywayDialect(source: "sql"), launch: try lab.launch)
        return try await tool.outlook(lab.database("live"))
    }

    @Test func `what flyway was told to undo is pending again, once`() async throws {
        let undone = [
            ("Versioned", "1", "Success"), ("Versioned", "2", "Undone"), ("Undo", "2", "Success"),
        ]
        try await ToolLab.run("live") { lab in
            let before = try await flyway(lab, knows: undone + [("Versioned", "2", "Pending")])
            #expect(before.head == "1")
            #expect(before.applied.map(\.name) == ["1"])
            #expect(before.pending.map(\.name) == ["2"])
            let after = try await flyway(lab, knows: undone + [("Versioned", "2", "Success")])
            #expect(after.head == "2")
            #expect(after.pending.isEmpty)
        }
    }

    @Test func `a repeatable migration that has changed is pending once`() async throws {
        try await ToolLab.run("live") { lab in
            let rows = [("Repeatable", "views", "Outdated"), ("Repeatable", "views", "Pending")]
            let outlook = try await flyway(lab, knows: rows)
            #expect(outlook.pending.map(\.name) == ["views"])
        }
    }

    @Test func `what flyway would leave out for ever is a failure`() async throws {
        try await ToolLab.run("live") { lab in
            let rows = [
                ("Versioned", "1", "Success"), ("Versioned", "2", "Ignored"), ("Versioned", "3", "Success"),
            ]
            let failure = await #expect(throws: StepFailure.self) { try await flyway(lab, knows: rows) }
            let message = failure?.message ?? ""
            #expect(message.contains("version 2 is not applied, and a newer one is"), "\(message)")
            #expect(message.contains("rename it") && message.contains("outOfOrder"))
        }
    }

    @Test func `Django's plan is read, and what Python does is not told as SQL`() async throws {
        try await ToolLab.run("live") { lab in
            try writeTool(
                lab,
                "python3",
                """
                [ "$1" = manage.py ] || exit 64
                mark() { if is_applied "$1"; then echo "[X]  $1"; else echo "[ ]  $1"; fi; }
                case "$2" in
                showmigrations) [ "$3" = --plan ]; mark app.0001_initial; mark app.0002_fill ;;
                sqlmigrate)
                    [ "$3" = app ]
                    echo "BEGIN;"
                    if [ "$4" = 0001_initial ]; then echo "CREATE TABLE users (id int);"; else
                        printf -- '--\\n-- Raw Python operation\\n--\\n-- THIS OPERATION CANNOT BE WRITTEN AS SQL\\n'; fi
                    echo "COMMIT;" ;;
                migrate)
                    [ "$3" = --noinput ]
                    answer "CREATE TABLE users (id int)"
                    answer "INSERT INTO schema_migrations VALUES ('app.0001_initial'), ('app.0002_fill')" ;;
                esac
                """
            )
            let tool = CommandTool(dialect: DjangoDialect(program: "manage.py"), launch: try lab.launch)
            #expect(try await tool.outlook(lab.database("live")).pending[1].sql == nil)
            try await contract(
                lab,
                DjangoDialect(program: "manage.py"),
                names: ["app.0001_initial", "app.0002_fill"],
                sql: "BEGIN;\nCREATE TABLE users (id int);\nCOMMIT;\n"
            )
        }
    }

    @Test func `any tool goes by its commands, and its head is a line's last word`() async throws {
        try await ToolLab.run("live") { lab in
            try writeTool(
                lab,
                "tool",
                """
                case "$1" in
                head) echo; echo "head is $(answer "SELECT max(version) FROM schema_migrations")" | grep -v 'is $' || : ;;
                todo) is_applied 7 || printf '7  fill in\\n\\n' ;;
                up) answer "INSERT INTO schema_migrations VALUES ('7')"; echo "to $DATABASE_URL" ;;
                esac
                """
            )
            let value = Parameter.map([
                "up": .texts("./tool", "up"), "current": .texts("./tool", "head"),
                "pending": .texts("./tool", "todo"),
            ])
            let dialect = try #require(CommandDialect.read(value, Diagnostics()))
            let tool = CommandTool(dialect: dialect, launch: try lab.launch)
            let database = lab.database("live")
            let before = try await tool.outlook(database)
            #expect(before.head == nil)
            #expect(before.pending == [SchemaOutlook.Migration(name: "7 fill in")])
            try await tool.up(database, lab.attempt())
            #expect(lab.heard.lines == ["to ***"])
            #expect(try await tool.outlook(database) == SchemaOutlook(head: "7", applied: [], pending: []))
        }
    }
}
