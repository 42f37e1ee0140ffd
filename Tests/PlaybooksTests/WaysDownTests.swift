import Playbooks
import Testing

/// Production databases are never migrated down, by no step of a playbook either.
@Suite struct WaysDownTests {
    private static func objections(_ steps: String) throws -> [String] {
        let text = Book.base + "prepare:\n" + steps
        let playbook = try Playbook.load(text: text, path: "book.yml", catalogue: StubCatalogue.catalogue)
            .get()
        return playbook.waysDown?.lines ?? []
    }

    @Test(arguments: [
        ("  - run: [flask, --app, shop, db, downgrade, \"-1\"]", "flask db downgrade"),
        ("  - run: [python3, -m, alembic, downgrade, base]", "alembic downgrade"),
        ("  - run: [supabase, db, reset, --linked]", "supabase db reset --linked"),
        ("  - run: [bundle, exec, bin/rails, \"db:rollback\"]", "rails db:rollback"),
        ("  - script: cd app && flask db downgrade -1", "flask db downgrade"),
        (
            "  - script: |\n      echo back\n      supabase db reset \"--linked\"",
            "supabase db reset --linked"
        ),
    ])
    func `a command that goes down is refused by name`(step: String, command: String) throws {
        let lines = try Self.objections(step)
        #expect(lines.count == 1)
        #expect(lines.first?.contains("`\(command)` would take a database back") == true)
    }

    @Test(arguments: [
        "  - run: [flask, db, upgrade]", "  - run: [alembic, upgrade, head]",
        "  - run: [supabase, db, reset]",
        "  - run: [./migrate, up]", "  - script: \"# never flask db downgrade\"", "  - script: scale down",
    ])
    func `what goes forward, and what is no database, passes`(step: String) throws {
        #expect(try Self.objections(step).isEmpty)
    }
}
