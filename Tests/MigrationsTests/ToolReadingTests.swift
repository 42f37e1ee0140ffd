@testable import Migrations
import DeployCore
import DeployPorts
import Testing

/// How tools are named in a playbook, and what is read out of their words.
@Suite struct ToolReadingTests {
    private func read(_ entries: KeyValuePairs<String, Parameter>) -> ((any MigrationTool)?, [String]) {
        let diagnostics = Diagnostics()
        var reader = MapReader(.map(entries), "`apply`", diagnostics: diagnostics)
        let context = StepContext(phase: .migrate, service: "s", folder: "/srv/app", publicURL: nil)
        let tool = MigrationTools.tool(from: &reader, context, supervisor: "/proc/self/exe")
        return (tool, diagnostics.all.map(\.message))
    }

    @Test(arguments: [
        "sql", "alembic", "flask", "flyway", "django", "rails", "supabase", "dbmate", "golang_migrate",
    ])
    func `a tool is named by its key`(key: String) throws {
        let found = read([key: .text("some/thing")])
        #expect(found.0?.title == "\(key) some/thing")
        #expect(found.1.isEmpty)
    }

    @Test func `mistakes are told`() {
        #expect(read([:]).1.first?.contains("found none; there are sql, alembic") == true)
        let two = read(["sql": .text("a"), "dbmate": .text("b")]).1
        #expect(two.first?.contains("found `sql` and `dbmate`") == true)
        #expect(read(["alembic": .text("--raiseerr")]).1.first?.contains("must be a path") == true)
        let missing = read(["command": .map(["up": .texts("a")])]).1
        #expect(missing.contains { $0.contains("needs the key `current`") })
        #expect(missing.contains { $0.contains("one of `pending`") })
        let command = read([
            "command": .map([
                "up": .texts("a", "${secret.DATABASE_URL}"), "current": .text("b"), "head": .texts("c"),
                "head_pattern": .text("("), "undo": .texts("d"),
            ])
        ]).1
        #expect(command.contains { $0.contains("the variable DATABASE_URL") })
        #expect(command.contains { $0.contains("`current` must be a list") })
        #expect(command.contains { $0.contains("`head_pattern` is not a regular expression") })
        #expect(command.contains { $0.contains("has no key `undo`") })
    }

    @Test func `Alembic's history is read with branches and other people's words`() {
        let history = AlembicDialect.history(
            """
            Rev: m (head) (mergepoint)
            Merges: b, c
            Path: /srv/versions/m.py

                Parent: not this

            Rev: c
            Parent: a
            Path: /srv/versions/c.py

            Rev: b
            Parent: a

            Rev: a (branchpoint)
            Parent: <base>
            Branches into: b, c
            """
        )
        #expect(history.map(\.name) == ["a", "b", "c", "m"])
        #expect(history.map(\.parents) == [[], ["a"], ["a"], ["b", "c"]])
        #expect(AlembicDialect.ancestors(of: ["c"], in: history) == ["a", "c"])
        #expect(AlembicDialect.heads("connecting\nm (head)\n", in: history) == ["m"])
    }

    @Test(arguments: ["│", "|"])
    func `Supabase's table is read`(bar: String) {
        let rows = SupabaseDialect.rows(
            """
                   LOCAL      \(bar)     REMOTE     \(bar)     TIME (UTC)
              ─────────────────┼────────────────┼──────────────────────
                20230101000000 \(bar) 20230101000000 \(bar) 2023-01-01 00:00:00
                20230102000000 \(bar)                \(bar) 2023-01-02 00:00:00
            """
        )
        #expect(rows.map(\.local) == ["20230101000000", "20230102000000"])
        #expect(rows.map(\.remote) == ["20230101000000", nil])
    }

    @Test func `a URL's parts are told, and put together again`() throws {
        let text = "postgresql+psycopg2://us%40er:p%2Fw%3A@db:5433/na%20me?sslmode=require&options=-c%20a%3Db"
        let url = try #require(DatabaseURL(text))
        #expect(url.user == "us@er")
        #expect(url.password == "p/w:")
        #expect(url.host == "db")
        #expect(url.port == "5433")
        #expect(url.database == "na me")
        #expect(url.parameter("options") == "-c a=b")
        #expect(url.text(scheme: "postgresql+psycopg2") == text)
        #expect(DatabaseURL("postgresql://a,b/c") == nil)
        #expect(DatabaseURL("not a URL") == nil)
        #expect(DatabaseURL("postgresql://u@/d?host=/run")?.host == nil)
    }

    @Test func `an address with colons stands in brackets`() throws {
        let text = "postgresql://me@[::1]:5433/live"
        let url = try #require(DatabaseURL(text))
        #expect(url.host == "::1" && url.port == "5433" && url.database == "live")
        #expect(url.text(scheme: "postgresql") == text)
        #expect(try #require(DatabaseURL("postgresql://[fe80::1]/live")).port == nil)
        for wrong in ["postgresql://::1/live", "postgresql://[::1/live", "postgresql://[::1]5433/live"] {
            #expect(DatabaseURL(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `golang-migrate gets its database by libpq's variables`() throws {
        let dialect = GolangMigrateDialect(folder: "db")
        let url = try #require(DatabaseURL("postgresql://me:secret@db:5433/live?sslmode=disable"))
        #expect(
            dialect.variables(for: url, named: "n", MigrationLimits()) == [
                "PGHOST": "db", "PGPORT": "5433", "PGUSER": "me", "PGPASSWORD": "secret",
                "PGDATABASE": "live", "PGSSLMODE": "disable",
            ]
        )
        #expect(!dialect.up(Values()).contains { $0.contains("secret") })
    }

    @Test func `flyway is not sent where no host is named`() throws {
        let socket = try #require(DatabaseURL("postgresql://me@/live?host=/run/postgresql"))
        #expect(FlywayDialect(source: "sql").variables(for: socket, named: "n", MigrationLimits()) == nil)
    }
}
