import DeployCore
import DeployPorts
import Testing
import ServiceLab

@testable import Migrations

/// The playbook's `apply`, and what its step makes of the database before and after.
@Suite struct ApplyStepTests {
    private func mistakes(_ entries: [(String, String)]) -> [String] {
        let position = Position(line: 1, column: 1)
        let map = Parameter.map(
            entries.map { key, text in
                Parameter.Entry(
                    key: key,
                    keyPosition: position,
                    value: .scalar(.init(text: text, isQuoted: true, position: position))
                )
            },
            position: position
        )
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .migrate, service: "shop", folder: "/srv/shop", publicURL: nil)
        let action = ApplyStep.kind(supervisor: "/bin/false").make(map, [], context, diagnostics)
        #expect((action == nil) == !diagnostics.all.isEmpty)
        if let action { #expect(action is any SchemaChange) }
        return diagnostics.all.map(\.message)
    }

    private let database = ("database", "${secret.DATABASE_URL}")

    @Test func `a tool and a database are enough`() {
        #expect(mistakes([("sql", "migrations"), database]) == [])
        let all = [
            ("sql", "migrations"), database, ("lock_timeout", "2s"), ("statement_timeout", "10m"),
            ("lock_attempts", "10"),
        ]
        #expect(mistakes(all) == [])
    }

    @Test(arguments: ["down", "downgrade", "rollback", "undo"])
    func `a way down is refused in its own words`(key: String) {
        let found = mistakes([("sql", "migrations"), database, (key, "true")])
        #expect(found.count == 1)
        #expect(found[0].contains("the production database is never migrated down"))
        #expect(found[0].contains("`rehearse` is where down may run"))
    }

    @Test(arguments: [
        ("database", "postgresql://app:hunter2@db/shop", "has a password in it"),
        ("lock_timeout", "0s", "must be longer than nothing"),
        ("lock_attempts", "0", "must be a whole number"),
        ("databse", "x", "has no key `databse`; did you mean `database`?"),
    ])
    func `other mistakes are told without a password`(key: String, text: String, why: String) {
        let entries = [("sql", "migrations"), database].filter { $0.0 != key } + [(key, text)]
        let found = mistakes(entries)
        #expect(found.count == 1)
        #expect(found.joined().contains(why))
        #expect(!found.joined().contains("hunter2"))
    }

    private func outlook(_ applied: [String], _ pending: [String], head: String? = nil) -> SchemaOutlook {
        SchemaOutlook(
            head: head ?? applied.last,
            applied: applied.map { .init(name: $0) },
            pending: pending.map { .init(name: $0) }
        )
    }

    @Test func `the head must be where it was expected`() throws {
        let before = outlook(["a"], ["b", "c"])
        func problem(_ after: SchemaOutlook) -> String? { HeadCheck(before: before, after: after).problem }
        #expect(problem(outlook(["a", "b", "c"], [])) == nil)
        #expect(try #require(problem(outlook(["a", "b"], ["c"]))).contains("c is still pending at b"))
        #expect(
            try #require(problem(outlook(["a", "b", "c", "x"], []))).contains(
                "x was applied by somebody else"
            )
        )
        #expect(try #require(problem(outlook(["a", "b"], []))).contains("c is not applied"))
        // A tool that tells its head alone.
        #expect(problem(outlook([], [], head: "c")) == nil)
        #expect(try #require(problem(outlook([], [], head: "a"))).contains("the head is still a"))
    }
}

@Suite(.realPostgres) struct ApplyStepRunTests {
    @Test func `the step notes the head before and after, and does nothing when nothing is pending`()
        async throws
    {
        try await ApplyLab.run(["1.sql": "CREATE TABLE a (i int)", "2.sql": "SELECT 1"]) { lab in
            let result = try await lab.step()
            #expect(result.summary == "2 applied, now at 2.sql")
            #expect(result.captures == ["head": "2.sql"])
            #expect(lab.journal.contains("head before: none; to apply: 1.sql, 2.sql"))
            #expect(lab.journal.contains("head after: 2.sql; applied: 1.sql, 2.sql"))
            #expect(lab.applied == ["1.sql", "2.sql"])
            #expect(try await lab.step().summary == "nothing is pending at 2.sql")
            #expect(lab.applied.count == 2)
        }
    }
}
